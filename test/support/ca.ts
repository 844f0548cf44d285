import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface TestCa {
  readonly caPem: string;
  readonly caFile: string;
  /** The server's certificate; for `localhost` and `127.0.0.1` unless told otherwise. */
  readonly certFile: string;
  readonly keyFile: string;
}

export interface CaOptions {
  /** As openssl writes subjectAltName. */
  readonly names?: string;
  /** When the server's certificate begins and ends; from now for two days unless given. The CA is good for 400 days. */
  readonly from?: Date;
  readonly to?: Date;
}

const TWO_DAYS_MS = 2 * 24 * 3600 * 1000;

/** Makes a throw-away CA and one server certificate in `dir` (made when missing). The CA's own key is not kept. */
export async function makeCa(dir: string, options: CaOptions = {}): Promise<TestCa> {
  const { names = 'DNS:localhost,IP:127.0.0.1', from = new Date() } = options;
  const to = options.to ?? new Date(from.getTime() + TWO_DAYS_MS);
  const work = join(dir, 'work');
  await mkdir(work, { recursive: true });
  const caFile = join(dir, 'ca.crt');
  const caKey = join(work, 'ca.key');
  const certFile = join(dir, 'server.crt');
  const keyFile = join(dir, 'server.key');
  const request = join(work, 'server.csr');
  const config = join(work, 'ca.cnf');
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-sha256'];

  await run('openssl', [
    ...['req', '-x509', ...newKey, '-days', '400', '-subj', '/CN=sealslot test CA'],
    ...['-keyout', caKey, '-out', caFile],
    ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
  ]);
  await run('openssl', ['req', ...newKey, '-subj', '/CN=localhost', '-keyout', keyFile, '-out', request]);
  await writeFile(config, caConfig(work, names));
  await writeFile(join(work, 'issued'), '');
  // `openssl x509` cannot make a certificate that has already ended; `openssl ca` can.
  await run('openssl', [
    ...['ca', '-batch', '-notext', '-config', config, '-cert', caFile, '-keyfile', caKey],
    ...['-startdate', utc(from), '-enddate', utc(to), '-in', request, '-out', certFile],
  ]);
  await rm(work, { recursive: true });
  return { caPem: await readFile(caFile, 'utf8'), caFile, certFile, keyFile };
}

const caConfig = (work: string, names: string): string => `[ca]
default_ca = test
[test]
database = ${work}/issued
new_certs_dir = ${work}
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = server
[any]
commonName = supplied
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = ${names}
`;

/** ASN.1's UTCTime: YYMMDDHHMMSSZ. */
const utc = (time: Date): string => `${time.toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`;
