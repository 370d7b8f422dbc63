import type { DataConverter, PayloadCodec } from '@temporalio/common';
import { PLAIN } from './payload-codec.js';

/** How to reach one namespace of a Temporal service. */
export interface TemporalAddress {
  readonly address: string;
  readonly namespace: string;
  /** Absent: no TLS. */
  readonly tls?: TemporalTls;
  readonly apiKey?: string;
  /** Encodes what lies in histories: arguments, results, details of errors, never ids and search attributes. */
  readonly codec?: PayloadCodec;
}

/** PEM texts; without `ca` the certificates that the system trusts. */
export interface TemporalTls {
  readonly ca?: Buffer;
  /** Both or none: mutual TLS. */
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /** The name in the server's certificate, where it is not the address's. */
  readonly serverName?: string;
}

/** What a client's Connection and a worker's NativeConnection both take. */
export interface ConnectionSettings {
  readonly address: string;
  readonly tls: ConnectionTls | false;
  readonly apiKey?: string;
}

export interface ConnectionTls {
  readonly serverNameOverride?: string;
  readonly serverRootCACertificate?: Buffer;
  readonly clientCertPair?: { readonly crt: Buffer; readonly key: Buffer };
}

export function connectionSettings(access: TemporalAddress): ConnectionSettings {
  const { address, tls, apiKey } = access;
  return {
    address,
    tls: tls === undefined ? false : connectionTls(tls),
    ...(apiKey === undefined ? {} : { apiKey }),
  };
}

function connectionTls({ ca, cert, key, serverName }: TemporalTls): ConnectionTls {
  return {
    ...(serverName === undefined ? {} : { serverNameOverride: serverName }),
    ...(ca === undefined ? {} : { serverRootCACertificate: ca }),
    ...(cert === undefined || key === undefined ? {} : { clientCertPair: { crt: cert, key } }),
  };
}

/** Only what reaches Temporal, of options that hold more. */
export function accessOf(options: TemporalAddress): TemporalAddress {
  const { address, namespace, tls, apiKey, codec } = options;
  return {
    address,
    namespace,
    ...(tls === undefined ? {} : { tls }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(codec === undefined ? {} : { codec }),
  };
}

/** Text and JSON go through the codec; the rest is Temporal's own. */
export function dataConverterOf({ codec }: TemporalAddress): DataConverter {
  return { payloadCodecs: [codec ?? PLAIN] };
}

/** `host:port`, `[::1]:port`; 7233 is the default port. */
export function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(':');
  if (at < 0 || address.endsWith(']')) return { host: address.replace(/^\[(.*)\]$/, '$1'), port: 7233 };
  return { host: address.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(at + 1)) };
}
