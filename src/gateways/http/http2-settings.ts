/** What a client says of itself in SETTINGS (RFC 9113 §6.5.2), as far as it matters to us. */
import { errorCode, type Fault, framePayloadMax, protocolFault, windowMax } from './http2-frames.ts'

/** What we say: how many requests at a time, and how long a head may be. The rest is as everybody starts, and what we push is nothing. */
export function ownSettings(streamsMax: number, headerBytesMax: number): readonly (readonly [number, number])[] {
  return [
    [setting.maxConcurrentStreams, streamsMax],
    [setting.maxHeaderListSize, headerBytesMax],
  ]
}

const setting = { enablePush: 2, maxConcurrentStreams: 3, initialWindowSize: 4, maxFrameSize: 5, maxHeaderListSize: 6 } as const

/** The window that it wants its streams to begin with, where it says so; a fault where it says what nobody may. */
export function readSettings(payload: Buffer): { readonly window?: number } | Fault {
  let window: number | undefined
  for (let at = 0; at < payload.byteLength; at += 6) {
    const value = payload.readUInt32BE(at + 2)
    switch (payload.readUInt16BE(at)) {
      case setting.enablePush:
        if (value > 1) return protocolFault('ENABLE_PUSH is neither 0 nor 1')
        break
      case setting.initialWindowSize:
        if (value > windowMax) return { code: errorCode.flowControl, says: 'INITIAL_WINDOW_SIZE is too large' }
        window = value
        break
      case setting.maxFrameSize:
        // Whatever it takes beyond the least, we send no larger ones.
        if (value < framePayloadMax || value > 0xff_ff_ff) return protocolFault('MAX_FRAME_SIZE is out of bounds')
        break
      default:
        break
    }
  }
  return window === undefined ? {} : { window }
}
