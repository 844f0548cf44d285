import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { trusted } from '../../s3/trust.ts';

const HANDSHAKE_TIMEOUT_MS = 3_000;

export interface Handshake {
  readonly certificate: DetailedPeerCertificate;
  readonly protocol: string;
  /** The code of why the certificate is not accepted. */
  readonly refusal: string | undefined;
}

/** One handshake, as the service's own client would make it. Rejects with Node's error when there is none. */
export function shakeHands(host: string, port: number, ca: string | undefined): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    // A refused certificate is to be looked at too; nothing is sent over this connection.
    const options = { host, port, ...trusted(ca), rejectUnauthorized: false };
    const socket = connect({ ...options, ...(isIP(host) === 0 && { servername: host }) });
    const late = Object.assign(new Error('no handshake in time'), { code: 'ETIMEDOUT' });
    const timer = setTimeout(() => socket.destroy(late), HANDSHAKE_TIMEOUT_MS);
    socket.on('close', () => clearTimeout(timer));
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      // A code, whatever the type says.
      const refusal = socket.authorized ? undefined : String(socket.authorizationError);
      const protocol = socket.getProtocol() ?? 'TLS';
      resolve({ certificate: socket.getPeerCertificate(true), protocol, refusal });
      socket.destroy();
    });
  });
}
