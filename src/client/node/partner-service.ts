import type { SignedRequest, Slot } from '../model.ts';
import { at, ServiceClient } from '../service.ts';
import type { Transport } from './transport.ts';

/** The service as partners use it: what they have uploaded, they may look at and download. */
export class PartnerService extends ServiceClient<Transport> {
  get(id: string, signal?: AbortSignal): Promise<Slot> {
    return this.call('GET', at(id), signal);
  }

  /** @param range one byte range, as `bytes=0-1023`; the whole object when left out. */
  download(id: string, range?: string, signal?: AbortSignal): Promise<SignedRequest> {
    return this.call('POST', `${at(id)}/download`, signal, range === undefined ? {} : { range });
  }
}
