/** The AI agent's other work in the demo: watch incidents until it is told no, then sit there. */
import { knock } from './knock.ts'

const shop = process.env['REMIT_SERVICE_SHOP_URL'] ?? ''

while ((await knock(`${shop}/incidents`)).status === 200) await new Promise((resolve) => setTimeout(resolve, 200))
await new Promise((resolve) => setTimeout(resolve, 60_000))
