/** The AI agent's work in the demo: look into incidents, restart what is broken, and try once more than it may. */
import { describeAnswer, knock } from './knock.ts'

const shop = process.env['REMIT_SERVICE_SHOP_URL'] ?? ''

const list = await knock(`${shop}/incidents`)
process.stdout.write(`agent: GET /incidents → ${describeAnswer(list)}\n`)

const till = await knock(`${shop}/services/till/restart`, { method: 'POST', headers: { prefer: 'wait=0' } })
process.stdout.write(`agent: POST /services/till/restart → ${describeAnswer(till)}\n`)

process.stdout.write('agent: checkout is down, restarting it …\n')
const restartCheckout = () => knock(`${shop}/services/checkout/restart`, { method: 'POST', headers: { prefer: 'wait=30' } })
let restart = await restartCheckout()
// Held and not answered yet: the very same request attaches to what waits already.
for (let tries = 0; tries < 20 && restart.type === 'urn:remit:refusal:action.held'; tries += 1) restart = await restartCheckout()
process.stdout.write(`agent: POST /services/checkout/restart → ${describeAnswer(restart)}\n`)

const again = await restartCheckout()
process.stdout.write(`agent: once more, to be sure → ${describeAnswer(again)}\n`)
