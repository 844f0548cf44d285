import type { Period } from '../custody/intermediate.ts';
import type { Secret } from '../secret.ts';
import type { UploadEvent } from '../store/port.ts';
import type { UploadMethod } from '../uploads/upload.ts';

/** The configuration after loading: defaults filled in, `…File` secrets read, paths absolute, deep-frozen. */
export interface Config {
  readonly listen: { readonly host: string; readonly port: number };
  readonly admin: { readonly host: string; readonly port: number };
  readonly log: { readonly level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'silent' };
  readonly cors: { readonly origins: readonly string[] };
  readonly content: ContentConfig;
  /** The page `/demo`. */
  readonly demo: { readonly enabled: boolean };
  /** Without it there are no grants. */
  readonly grants: GrantsConfig | undefined;
  readonly store: StoreConfig;
  readonly custody: CustodyConfig;
  readonly s3: { readonly targets: Readonly<Record<string, TargetConfig>> };
  readonly auth: { readonly issuers: readonly IssuerConfig[] };
  readonly tenants: Readonly<Record<string, TenantConfig>>;
  /** From when on requests are turned away; 0: no bound. */
  readonly overload: {
    /** The mean of a second. */
    readonly eventLoopDelayMilliseconds: number;
    /** Of the container's memory. */
    readonly memoryPercent: number;
    /** Of what Node allows itself. */
    readonly heapPercent: number;
    /** Contents that are sent at a time. */
    readonly streams: number;
  };
  readonly retention: {
    /** How long an expired slot keeps its key before proven absence may destroy it. */
    readonly keySeconds: number;
    /** How long after the last URL's end a deleted slot keeps its key. */
    readonly deleteMarginSeconds: number;
    /** How long a slot that has ended, its key destroyed, can still be asked for. */
    readonly endedSeconds: number;
  };
  readonly jobs: { readonly intervalSeconds: number };
  readonly shutdown: {
    /** How long all goes on as before but for `/readyz`, once the end is asked for. */
    readonly drainSeconds: number;
    /** How long what is in hand then may take. */
    readonly graceSeconds: number;
  };
}

export type StoreConfig = SqliteConfig | PostgresConfig;

export interface SqliteConfig {
  readonly kind: 'sqlite';
  readonly path: string;
}

export interface PostgresConfig {
  readonly kind: 'postgres';
  /** Tried in this order until one takes writes; never empty. A name that begins with `/` is the folder of a Unix socket. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly database: string;
  readonly user: string;
  /** At most one of the two; neither where the server asks for none. The file is read for each new connection. */
  readonly password: Secret | undefined;
  readonly passwordFile: string | undefined;
  /** Never used over a Unix socket; `undefined` turns it off, for hosts on loopback only. */
  readonly tls: PostgresTlsConfig | undefined;
  readonly pool: { readonly max: number };
  readonly timeouts: {
    /** For a connection to one host, and for a turn at one of the pool. */
    readonly connectMilliseconds: number;
    readonly lockMilliseconds: number;
    readonly statementMilliseconds: number;
    /** For all the statements of one transaction, by the service's clock; longer than `statementMilliseconds`. */
    readonly callMilliseconds: number;
  };
}

/** The server's certificate must be of a trusted CA and name the host. */
export interface PostgresTlsConfig {
  /** PEM text of the CAs to trust; the usual ones when `undefined`. */
  readonly ca: string | undefined;
  readonly caFile?: string;
  /** To log in by certificate: PEM texts. */
  readonly client: { readonly cert: string; readonly key: Secret } | undefined;
  /** The file that the client's key was read from, absolute. */
  readonly keyFile?: string;
}

export interface ContentConfig {
  /** Where links lead; `undefined` is the API's own address. */
  readonly origin: URL | undefined;
  /** What links are signed with, at least 32 bytes each: the first signs, all verify. Without one there are no links. */
  readonly linkSecrets: readonly Secret[];
  readonly linkSeconds: { readonly default: number; readonly max: number };
  /** Media types that a browser may show in place; all others are attachments. */
  readonly inlineTypes: readonly string[];
}

export interface GrantsConfig {
  /** What grants are signed with, at least 32 bytes each: the first signs, all verify. Never empty. */
  readonly secrets: readonly Secret[];
  /** The files that these were read from, absolute. */
  readonly secretFiles: readonly string[];
  /** The longest time in which a grant makes slots. */
  readonly maxSeconds: number;
}

export interface WebhookConfig {
  /** `https:` only. */
  readonly url: URL;
  /** Each signs every message (Standard Webhooks); raw bytes in base64, without `whsec_`. */
  readonly secrets: readonly Secret[];
  readonly events: readonly UploadEvent[];
  /** CIDR ranges of non-public addresses that it may resolve to. */
  readonly allowedAddresses: readonly string[];
  /** PEM text of a private CA. */
  readonly ca: string | undefined;
  readonly caFile?: string;
}

export interface CustodyConfig {
  /** The name of the wrapper that wraps new keys. */
  readonly current: string;
  /** By name, which wrapped keys remember. All but the current one only unwrap. */
  readonly wrappers: Readonly<Record<string, WrapperConfig>>;
  /** Without it each customer key is wrapped by the KEK itself. */
  readonly hierarchy: HierarchyConfig | undefined;
  /** Where copies of wrapped intermediate keys go; with it, objects carry copies of their own wrapped keys in tags. */
  readonly recovery: { readonly target: string; readonly bucket: string } | undefined;
}

export type WrapperConfig = LocalConfig | AwsKmsConfig | VaultTransitConfig;

export interface LocalConfig {
  readonly kind: 'local';
  readonly kekFile: string;
}

export interface AwsKmsConfig {
  readonly kind: 'aws-kms';
  /** ARN, alias ARN, id or `alias/…`. */
  readonly keyId: string;
  readonly region: string;
  readonly fips: boolean;
  /** Only for an address other than AWS's own. */
  readonly endpoint: URL | undefined;
  readonly ca: string | undefined;
  readonly caFile?: string;
  readonly credentials: CredentialsConfig;
  /** How long a call may take, all its attempts together. */
  readonly timeoutSeconds: number;
}

export interface VaultTransitConfig {
  readonly kind: 'vault-transit';
  readonly address: URL;
  readonly mount: string;
  readonly key: string;
  readonly namespace: string | undefined;
  readonly ca: string | undefined;
  readonly caFile?: string;
  readonly auth: VaultAuthConfig;
  /** How long a call may take, from the connection to the end of its answer. */
  readonly timeoutSeconds: number;
}

export type VaultAuthConfig =
  /** Read again at each use, as agents rewrite it. */
  | { readonly kind: 'token'; readonly tokenFile: string }
  | {
      readonly kind: 'approle';
      readonly mount: string;
      readonly roleId: string;
      readonly secretIdFile: string;
    }
  | {
      readonly kind: 'kubernetes';
      readonly mount: string;
      readonly role: string;
      readonly tokenFile: string;
    };

export interface HierarchyConfig {
  readonly period: Period;
  /** How long an unwrapped intermediate key is kept, and so how long a KEK's outage is survived and its revocation takes to bite. */
  readonly maxAgeSeconds: number;
  /** How many keys it wraps or unwraps before the KEK is asked again. */
  readonly maxUses: number;
}

export interface TargetConfig {
  /** `https:` only: where the service itself reaches S3. */
  readonly endpoint: URL;
  /** What URLs name; the same as `endpoint` unless set. */
  readonly publicEndpoint: URL;
  readonly region: string;
  readonly pathStyle: boolean;
  /** PEM text of a private CA. */
  readonly ca: string | undefined;
  /** The file that `ca` was read from, absolute. */
  readonly caFile?: string;
  /** What the service's own calls and the URLs of downloads are signed with. */
  readonly credentials: CredentialsConfig;
  /** What the URLs of uploads are signed with; `credentials` unless set. */
  readonly uploadCredentials?: CredentialsConfig;
  /** How long a call that S3 answers at once may take, all its attempts together; of a body that is streamed, until it begins. */
  readonly timeoutSeconds: number;
}

export type CredentialsConfig =
  | {
      readonly kind: 'static';
      readonly accessKeyId: string;
      readonly secretAccessKey: Secret;
      readonly sessionToken: Secret | undefined;
      /** The files that the two were read from, absolute. */
      readonly secretFiles?: readonly string[];
    }
  | { readonly kind: 'default' };

export type JwtAlgorithm =
  'RS256' | 'RS384' | 'RS512' | 'PS256' | 'PS384' | 'PS512' | 'ES256' | 'ES384' | 'ES512' | 'EdDSA';

export interface IssuerConfig {
  /** Compared to `iss`, exactly. */
  readonly issuer: string;
  /** One of these must be in `aud`. */
  readonly audience: readonly string[];
  readonly jwks:
    { readonly kind: 'url'; readonly url: URL } | { readonly kind: 'file'; readonly path: string };
  readonly algorithms: readonly JwtAlgorithm[];
  /** Accepted `typ` headers, lower case, without `application/`; `''` accepts a token that has none. */
  readonly types: readonly string[];
  /** A fixed tenant, or the claim that names it. */
  readonly tenant:
    { readonly kind: 'fixed'; readonly name: string } | { readonly kind: 'claim'; readonly claim: string };
  /** The claim with scopes: a space-separated text or an array of texts. */
  readonly scopesClaim: string;
}

export interface TenantConfig {
  readonly target: string;
  readonly bucket: string;
  /** Placeholders `{tenant}`, `{prefix}`, `{yyyy}`, `{mm}`, `{dd}`, `{id}`, `{filename}`; `{id}` is required, `{prefix}` a segment of its own. */
  readonly objectKeyTemplate: string;
  readonly maxSizeBytes: number;
  /** Globs such as `image/*`, or `*` for any. */
  readonly contentTypes: readonly string[];
  readonly urlSeconds: { readonly min: number; readonly default: number; readonly max: number };
  /** How long new requests are given for a slot. */
  readonly slotSeconds: number;
  readonly requireSha256: boolean;
  /** What a client may ask for. */
  readonly methods: readonly UploadMethod[];
  /** `stream`: where S3 has not checked the announced SHA-256 itself, the service reads the object once and compares. */
  readonly verify: 'head' | 'stream';
  /** What becomes of an object that is not the announced one. */
  readonly rejected: 'keep' | 'remove';
  readonly limits: TenantLimits;
  readonly webhooks: Readonly<Record<string, WebhookConfig>>;
}

/** What is left out has no limit. */
export interface TenantLimits {
  readonly tenant?: CallerLimits;
  /** Of each. */
  readonly principal?: CallerLimits;
  /** Of all who come by the tenant's links. */
  readonly links?: Pick<CallerLimits, 'requestsPerMinute'>;
}

export interface CallerLimits {
  readonly requestsPerMinute?: number;
  /** Slots that are `issued` and not over. */
  readonly openSlots?: number;
  /** Announced sizes in a day of UTC. */
  readonly bytesPerDay?: number;
}
