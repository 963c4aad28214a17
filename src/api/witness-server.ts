/** The HTTP side of a witness: one endpoint, `POST /add-checkpoint` of C2SP tlog-witness, bounded in everything. */
import Fastify, { type FastifyInstance } from 'fastify'
import { addCheckpointBytesMax, type WitnessAnswer } from '../control/witness.ts'

const connectionsMax = 200
const textType = 'text/plain; charset=utf-8'

/** Builds the server; it listens when it is told to. */
export function buildWitnessServer(add: (body: string) => Promise<WitnessAnswer>): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: addCheckpointBytesMax,
    requestTimeout: 10_000,
    connectionTimeout: 60_000,
    keepAliveTimeout: 30_000,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    http: { maxHeaderSize: 8_192, headersTimeout: 5_000 },
  })
  app.server.maxConnections = connectionsMax
  app.removeAllContentTypeParsers()
  // The specification names no media type for what is sent: whatever it is called, it is read as what it must be.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body))
  app.post('/add-checkpoint', async (request, reply) => {
    const body = request.body instanceof Uint8Array ? readUtf8(request.body) : undefined
    const answer = body === undefined ? { status: 400, type: textType, body: 'the request is no UTF-8 text\n' } : await add(body)
    return reply.code(answer.status).header('content-type', answer.type).header('cache-control', 'no-store').send(answer.body)
  })
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).header('content-type', textType).send('POST /add-checkpoint is all there is\n'),
  )
  app.setErrorHandler<Error & { readonly statusCode?: number }>((error, _request, reply) => {
    const status = error.statusCode ?? 500
    return reply
      .code(status)
      .header('content-type', textType)
      .send(status < 500 ? 'the request cannot be read\n' : 'it failed\n')
  })
  return app
}

function readUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
