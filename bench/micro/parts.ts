/** The steps of a slot as the service has them: where one moves to, its name here stays. */
export { apiKeyAuthenticator, createApiKey } from '../../src/access/adapters/api-key.ts';
export { jwtAuthenticator } from '../../src/access/adapters/jwt.ts';
export type { Authenticator } from '../../src/access/port.ts';
export { encodeContext } from '../../src/custody/context.ts';
export { CustomerKey } from '../../src/custody/customer-key.ts';
export { localWrapper } from '../../src/custody/adapters/local.ts';
export { createLogger } from '../../src/http/log.ts';
export { createMetrics } from '../../src/http/metrics.ts';
export { presentSlot } from '../../src/http/present.ts';
export { NAMED_SCHEMAS } from '../../src/http/schemas.ts';
export { createPresigner } from '../../src/s3/adapters/sigv4-presigner.ts';
export type { ApiKeyStore, NewSlot, Store } from '../../src/store/port.ts';
export { openSqliteStore } from '../../src/store/adapters/sqlite.ts';
export { clientHeaders } from '../../src/uploads/put-request.ts';
