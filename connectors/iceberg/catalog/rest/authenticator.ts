import type { HttpRequest } from './http-exchange.js';
import { OAuth2 } from './oauth2.js';
import type { RestCatalogConfig } from './rest-config.js';
import { SigV4 } from './sigv4.js';

/** Proves who we are, request by request. */
export interface Authenticator {
  /** Headers to add to the request. */
  headersFor(request: HttpRequest, signal: AbortSignal | undefined): Promise<Readonly<Record<string, string>>>;
  /** The server did not take them: true if the next ones will be others. */
  renew(): boolean;
  /** Texts that no error may show. */
  readonly secrets: readonly string[];
}

export function authenticator(catalog: string, config: RestCatalogConfig): Authenticator {
  const { auth } = config;
  switch (auth.type) {
    case 'none':
      return fixed({}, []);
    case 'bearer':
      return fixed({ authorization: `Bearer ${auth.token}` }, [auth.token]);
    case 'basic': {
      const pair = Buffer.from(`${auth.username}:${auth.password}`).toString('base64');
      return fixed({ authorization: `Basic ${pair}` }, [auth.password, pair]);
    }
    case 'oauth2':
      return new OAuth2({ catalog, auth, tokenUri: auth.tokenUri ?? `${config.uri}/v1/oauth/tokens`, timeout: config.timeout });
    case 'sigv4':
      return new SigV4(auth);
  }
}

function fixed(headers: Readonly<Record<string, string>>, secrets: readonly string[]): Authenticator {
  return { headersFor: async () => headers, renew: () => false, secrets };
}
