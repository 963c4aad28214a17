/** The body of one request, read whole and no further than its bound. */
import type { IncomingMessage } from 'node:http'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'

/** Never rejects: a body that breaks off is `input.malformed`. What is too long is read no further. */
export function readWhole(request: IncomingMessage, bytesMax: number): Promise<Result<Buffer>> {
  const tooLarge = () => refuse('input.too-large', { detail: `at most ${bytesMax} bytes` })
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) return Promise.resolve(tooLarge())
  return new Promise((resolve) => {
    const pieces: Buffer[] = []
    let bytes = 0
    const onData = (piece: Buffer) => {
      bytes += piece.byteLength
      if (bytes <= bytesMax) {
        pieces.push(piece)
        return
      }
      request.off('data', onData)
      request.pause()
      resolve(tooLarge())
    }
    request.on('data', onData)
    request.on('end', () => resolve(done(pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces))))
    request.on('error', () => resolve(refuse('input.malformed', { detail: 'the body broke off' })))
    request.on('close', () => resolve(refuse('input.malformed', { detail: 'the body broke off' })))
  })
}
