/** The metrics client's work in the demo: write telemetry, and try to read what is none of its business. */
import { describeAnswer, knock } from './knock.ts'

const shop = process.env['REMIT_SERVICE_SHOP_URL'] ?? ''

const put = await knock(`${shop}/telemetry/latency`, { method: 'PUT', json: { value: 42 } })
process.stdout.write(`meter: PUT /telemetry/latency → ${describeAnswer(put)}\n`)
const read = await knock(`${shop}/incidents`)
process.stdout.write(`meter: GET /incidents → ${describeAnswer(read)}\n`)
