/** A REST catalog as configured. */
export interface RestCatalogConfig {
  readonly type: 'rest';
  /** Base of the API, before `/v1`. */
  readonly uri: string;
  /** What `GET /v1/config` is asked for: a name, an ARN or a location, as the service wants it. */
  readonly warehouse?: string;
  readonly auth: RestAuth;
  /** Sent with each request. */
  readonly headers: Readonly<Record<string, string>>;
  /** What is asked for with tables: storage credentials of their own, or none. */
  readonly accessDelegation: 'vended-credentials' | 'none';
  /** Who says which files a scan reads: the server where a table's answer wants it (auto), never, or always. */
  readonly scanPlanning: 'auto' | 'off' | 'on';
  /** Milliseconds that one request may take. */
  readonly timeout: number;
}

export type RestAuth =
  | { readonly type: 'none' }
  | { readonly type: 'bearer'; readonly token: string }
  | { readonly type: 'basic'; readonly username: string; readonly password: string }
  | OAuth2Auth
  | SigV4Auth;

export interface OAuth2Auth {
  readonly type: 'oauth2';
  readonly clientId: string;
  readonly clientSecret: string;
  /** Default: `v1/oauth/tokens` of the catalog. */
  readonly tokenUri?: string;
  readonly scope: string;
  /** Further fields of the token request, such as audience and resource. */
  readonly extra: Readonly<Record<string, string>>;
}

export interface SigV4Auth {
  readonly type: 'sigv4';
  /** glue, s3tables, execute-api, … */
  readonly service: string;
  readonly region: string;
  /** Absent: AWS's own chain (environment, profile, role of the machine). */
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
}
