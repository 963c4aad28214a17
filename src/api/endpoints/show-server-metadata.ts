/** GET /.well-known/oauth-authorization-server: where the OAuth endpoints are (RFC 8414). */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { grantTypes, type ServerMetadata } from '../../wire/tokens.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'

export const showServerMetadata = endpoint({
  says: 'where the OAuth endpoints are and what they take (RFC 8414)',
  method: 'GET',
  path: '/.well-known/oauth-authorization-server',
  caller: 'nobody',
  perMinuteMax: 120,
  records: { nothing: 'addresses of endpoints are for everybody' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'oauth',
  input: z.strictObject({}),
  run: (api) => {
    const { origin } = api.desk.pages()
    return done(
      json({
        issuer: origin,
        authorization_endpoint: `${origin}/oauth/authorize`,
        token_endpoint: `${origin}/oauth/token`,
        device_authorization_endpoint: `${origin}/oauth/device_authorization`,
        jwks_uri: `${origin}/oauth/jwks`,
        // Machines that act for themselves exchange a proof of their own (RFC 8693).
        grant_types_supported: [grantTypes.authorizationCode, grantTypes.refreshToken, grantTypes.tokenExchange, grantTypes.deviceCode],
        response_types_supported: ['code'],
        response_modes_supported: ['query'],
        code_challenge_methods_supported: ['S256'],
        client_id_metadata_document_supported: api.clientDocuments !== undefined,
        authorization_response_iss_parameter_supported: true,
        token_endpoint_auth_methods_supported: ['none'],
      } satisfies ServerMetadata),
    )
  },
})
