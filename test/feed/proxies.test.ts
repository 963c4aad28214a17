/** A proxy asks a gateway elsewhere: it is told yes from what that gateway knows, and no once the grant or the lease is over. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { revokeGrant } from '../../src/control/end-grant.ts'
import { gatewayAudience } from '../../src/control/identify.ts'
import { loopback, readProxies, startForwardAuth } from '../../src/gateways/http/forward-auth.ts'
import { startHttpGateway } from '../../src/gateways/http/gateway.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { systemClock } from '../wire/rules-control.ts'
import { keepingLog } from '../wire/upstreams.ts'
import { atWork } from '../world/deeds.ts'
import { shopDocument } from '../world/shop.ts'
import { here } from '../world/world.ts'
import { unreachable } from './fed-machine.ts'
import { withHalves } from './halves.ts'
import { settled } from './scripted-gateway.ts'

const [usual = {}] = shopDocument()['services'] as readonly Readonly<Record<string, unknown>>[]
const { credential: _own, ...shop } = usual
const document = shopDocument({ services: [{ ...shop, enforcedBy: 'proxy' }] })

test('a proxy that asks a gateway elsewhere hears of the end of a grant, and of a lease', (context) =>
  withHalves(
    async ({ world, machine }) => {
      const edge = await machine('edge-1')
      const proxies = mustBe(readProxies(loopback))
      const listen = { host: '127.0.0.1', port: 0 }
      const door = await startForwardAuth({ control: edge.control, clock: systemClock, log: keepingLog(), listen, proxies })
      context.after(() => door.close(0))
      const grants = [await atWork(world, 'aide', ['read:shop']), await atWork(world, 'aide', ['read:shop'])]
      const tokens = await Promise.all(
        grants.map(async ({ id }) => mustBe(await world.exchange('aide', { grant: id, audience: gatewayAudience('main', 'http') }))),
      )
      const ask = async (place: number) => {
        const { token } = tokens[place] ?? assert.fail()
        const headers = { authorization: `Bearer ${reveal(token)}`, 'x-real-ip': here, connection: 'close' }
        const answer = await fetch(`${door.url}/ext-authz/shop/incidents`, { headers })
        return answer.status === 200 ? 'yes' : answer.headers.get('remit-refusal')
      }
      assert.deepEqual([await ask(0), await ask(1)], ['yes', 'yes'])
      mustBe(await revokeGrant(world.desk, await world.caller('ben'), grants[0]?.id ?? assert.fail(), 'enough'))
      assert.deepEqual([await ask(0), await ask(1)], ['grant.ended', 'yes'])
      edge.dial = unreachable
      edge.link.close('the cable is cut')
      await settled()
      await edge.advance(5_050, [world.clock])
      assert.equal(await ask(1), 'control.unreachable')
      const gateway = await startHttpGateway({
        control: edge.control,
        clock: systemClock,
        log: keepingLog(),
        listen: { host: '127.0.0.1' },
      })
      context.after(() => gateway.close(0))
      assert.deepEqual(gateway.urls(), {}, 'no port of its own')
    },
    { document },
  ))
