/** The release bot's work in the demo: deploy one version, and, when told to, go on for ever until somebody kills it. */
import { describeAnswer, knock } from './knock.ts'

const shop = process.env['REMIT_SERVICE_SHOP_URL'] ?? ''
const [version = '1.4.2', mode = 'once'] = process.argv.slice(2)

const deployed = await knock(`${shop}/deployments`, { method: 'POST', json: { service: 'checkout', version } })
process.stdout.write(`bot: POST /deployments ${version} → ${describeAnswer(deployed)}\n`)

while (mode === 'stay') {
  await new Promise((resolve) => setTimeout(resolve, 500))
  const state = await knock(`${shop}/deployments/dep-1`)
  process.stdout.write(`bot: GET /deployments/dep-1 → ${describeAnswer(state)}\n`)
  if (state.status !== 200) break
}
