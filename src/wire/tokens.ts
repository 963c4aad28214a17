/** The OAuth side of the API: token exchange (RFC 8693), device sign-in (RFC 8628), metadata (RFC 8414). */

export const grantTypes = {
  tokenExchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
  deviceCode: 'urn:ietf:params:oauth:grant-type:device_code',
  authorizationCode: 'authorization_code',
  refreshToken: 'refresh_token',
} as const

export const tokenTypes = {
  /** An API secret of Remit's own. */
  apiSecret: 'urn:remit:token-type:api-secret',
  /** A JWT of a configured issuer. */
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
  /** A Remit token for control. */
  accessToken: 'urn:ietf:params:oauth:token-type:access_token',
} as const

export type SubjectTokenType = (typeof tokenTypes)[keyof typeof tokenTypes]

/** The form of `POST /oauth/token` with the token-exchange grant type. */
export interface TokenExchangeForm {
  readonly grant_type: typeof grantTypes.tokenExchange
  readonly subject_token: string
  readonly subject_token_type: SubjectTokenType
  readonly actor_token?: string
  readonly actor_token_type?: SubjectTokenType
  /** `urn:remit:<space>:control` (default) or `urn:remit:<space>:gateway:<name>`. */
  readonly audience?: string
  /** `grant:grn_…`: the one grant that the token may use. */
  readonly scope?: string
}

/** The form of `POST /oauth/token` with the device-code grant type. */
export interface DeviceTokenForm {
  readonly grant_type: typeof grantTypes.deviceCode
  readonly device_code: string
}

export interface TokenAnswer {
  readonly access_token: string
  readonly issued_token_type: typeof tokenTypes.accessToken
  readonly token_type: 'Bearer'
  /** Seconds. */
  readonly expires_in: number
  readonly scope?: string
}

/** What an OAuth client gets for a code or a refresh token (RFC 6749 § 5.1). */
export interface ClientTokenAnswer {
  readonly access_token: string
  readonly token_type: 'Bearer'
  /** Seconds. */
  readonly expires_in: number
  /** Good once; absent where the client does not take any. */
  readonly refresh_token?: string
  /** Scope lines between spaces: what it may ask grants for, which alone permit. */
  readonly scope: string
}

export interface DeviceAuthorizationAnswer {
  readonly device_code: string
  readonly user_code: string
  readonly verification_uri: string
  readonly verification_uri_complete: string
  /** Seconds. */
  readonly expires_in: number
  /** Seconds between two polls. */
  readonly interval: number
}

/** RFC 8414, RFC 9207 § 3, and the Client ID Metadata Document draft § 5. */
export interface ServerMetadata {
  readonly issuer: string
  readonly authorization_endpoint: string
  readonly authorization_response_iss_parameter_supported: true
  readonly client_id_metadata_document_supported: boolean
  readonly code_challenge_methods_supported: readonly string[]
  readonly response_modes_supported: readonly string[]
  readonly token_endpoint: string
  readonly device_authorization_endpoint: string
  readonly jwks_uri: string
  readonly grant_types_supported: readonly string[]
  readonly response_types_supported: readonly string[]
  readonly token_endpoint_auth_methods_supported: readonly string[]
}
