/** People: links that work once, passkeys that sign for one question, cookies that end. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addPerson, configure, hour, minute, refused } from '../../test/world/deeds.ts'
import { shopDocument } from '../../test/world/shop.ts'
import { openWorld, origin, type World } from '../../test/world/world.ts'
import { SoftwareAuthenticator } from '../host/software-authenticator.ts'
import type { JsonObject } from '../kernel/json.ts'
import { mustBe } from '../kernel/result.ts'
import { reveal } from '../kernel/secret.ts'
import { answer, prepareAnswer } from './answer.ts'
import { confirmDevice, pollDevice, prepareDeviceConfirmation, startDeviceSignIn } from './device-sign-in.ts'
import {
  beginRegistration,
  beginSignIn,
  finishRegistration,
  finishSignIn,
  firstLink,
  invite,
  linkMax,
  personOfCookie,
  signOut,
} from './people.ts'
import { quarantine, release } from './quarantine.ts'
import { replacePasskeys } from './replace-passkeys.ts'

const here = '127.0.0.1'

describe('people', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: shopDocument() })
  })
  after(() => world.close())

  const passkeysOf = (name: string) => world.desk.store.read((tx) => tx.find('passkey', { person: world.person(name).id }))
  const signIn = async (name: string) => {
    const { challenge } = mustBe(await beginSignIn(world.desk))
    const ids = (await passkeysOf(name)).map((passkey) => passkey.credentialId)
    return { challenge, response: world.sign(name, challenge, ids) }
  }
  const newLink = async (name: string) => {
    if (world.desk.facts.identityNamed(name) === undefined) await addPerson(world, name)
    return reveal(mustBe(await invite(world.desk, await world.caller('ana'), name)).link)
  }
  const attempt = async (link: string, name: string) => {
    const begun = mustBe(await beginRegistration(world.desk, { link, name }))
    const options = { challenge: begun.challenge, rp: { id: 'localhost' }, user: { id: begun.person.id }, pubKeyCredParams: [{ alg: -7 }] }
    return {
      link,
      name,
      challenge: begun.challenge,
      response: new SoftwareAuthenticator().register(options, origin) as unknown as JsonObject,
    }
  }

  test('a link works once', async () => {
    const link = await newLink('zoe')
    const given = await attempt(link, 'zoe')
    const again = await attempt(link, 'zoe')
    mustBe(await finishRegistration(world.desk, given))
    refused(await finishRegistration(world.desk, again), 'link.invalid')
    refused(await beginRegistration(world.desk, { link }), 'link.invalid')
  })

  test('two who come by one link at once are one', async () => {
    const link = await newLink('yan')
    const [one, two] = [await attempt(link, 'yan'), await attempt(link, 'yan')]
    const both = await Promise.all([finishRegistration(world.desk, one), finishRegistration(world.desk, two)])
    assert.equal(both.filter((each) => each.ok).length, 1)
    assert.equal((await passkeysOf('yan')).length, 1)
  })

  test('nobody gets a second passkey by a link: neither a new one nor one that was left over', async () => {
    const [one, other] = [await newLink('una'), await newLink('una')]
    const left = await attempt(other, 'una')
    mustBe(await finishRegistration(world.desk, await attempt(one, 'una')))
    refused(await invite(world.desk, await world.caller('ana'), 'una'), 'passkey.exists')
    refused(await finishRegistration(world.desk, left), 'link.invalid')
    refused(await beginRegistration(world.desk, { link: other }), 'link.invalid')
    assert.equal((await passkeysOf('una')).length, 1)
  })

  test('replacing lost passkeys ends them first, with sign-ins, grants and what was on its way; only an administrator does', async () => {
    await world.register('ulf', await newLink('ulf'))
    const { cookie } = mustBe(await finishSignIn(world.desk, await signIn('ulf')))
    const [old] = await passkeysOf('ulf')
    const onTheWay = await signIn('ulf')
    refused(await replacePasskeys(world.desk, await world.caller('ben'), 'ulf', 'lost'), 'caller.not-allowed')
    refused(await replacePasskeys(world.desk, await world.caller('ana'), 'aide', 'lost'), 'not-found')
    const { link } = mustBe(await replacePasskeys(world.desk, await world.caller('ana'), 'ulf', 'lost'))
    refused(await personOfCookie(world.desk, reveal(cookie)), 'credential.invalid')
    refused(await finishSignIn(world.desk, onTheWay), 'passkey.refused')
    refused(await finishSignIn(world.desk, await signIn('ulf')), 'passkey.refused')
    assert.equal(world.desk.facts.isProofLive(old?.id ?? '', world.clock.now()), false)
    await world.register('ulf', reveal(link))
    const fresh = (await passkeysOf('ulf')).find((passkey) => passkey.revokedAt === undefined)
    assert.deepEqual([fresh?.replaces, fresh?.issuedBy], [true, 'ana'])
    refused(await invite(world.desk, await world.caller('ana'), 'ulf'), 'passkey.exists')
  })

  test('a link ends after a day, and is for the person it names', async () => {
    const link = await newLink('xia')
    const given = await attempt(link, 'somebody-else')
    assert.equal(given.name, 'somebody-else')
    mustBe(await finishRegistration(world.desk, given))
    assert.equal((await passkeysOf('xia')).length, 1, 'whatever name is typed')
    const late = await newLink('xena')
    world.clock.advance(linkMax)
    refused(await beginRegistration(world.desk, { link: late }), 'link.invalid')
    refused(await beginRegistration(world.desk, { link: 'no such link' }), 'link.invalid')
  })

  test('the answer to one link’s question does not open another link', async () => {
    const [one, two] = [await newLink('wim'), await newLink('vic')]
    const given = await attempt(one, 'wim')
    refused(await finishRegistration(world.desk, { ...given, link: two }), 'link.invalid')
    assert.deepEqual([(await passkeysOf('wim')).length, (await passkeysOf('vic')).length], [0, 0])
  })

  test('nobody new is let in by one person alone where another could sign', async () => {
    refused(await invite(world.desk, await world.caller('ana'), 'tom'), 'invitation.unsigned')
    assert.equal(world.desk.facts.identityNamed('tom'), undefined)
  })

  test('a machine’s name is nobody’s to take, and only administrators invite', async () => {
    refused(await invite(world.desk, await world.caller('ana'), 'aide'), 'name.used')
    refused(await invite(world.desk, await world.caller('ana'), 'No Name'), 'input.invalid')
    refused(await invite(world.desk, await world.caller('ben'), 'zoe'), 'caller.not-allowed')
  })

  test('after somebody came in there is no first link any more, and the first administrator’s right is dated', async () => {
    assert.equal(mustBe(await firstLink(world.desk)), undefined)
    const [exception] = [...world.desk.facts.exceptionsOf(world.person('ana').id)]
    assert.equal(exception?.expiresAt, (exception?.createdAt ?? 0) + 30 * 86_400_000)
    for (const name of ['ben', 'eva', 'zoe']) assert.deepEqual([...world.desk.facts.exceptionsOf(world.person(name).id)], [])
  })

  test('signing in answers one question, once, within five minutes', async () => {
    const given = await signIn('ben')
    const signedIn = mustBe(await finishSignIn(world.desk, given))
    assert.equal(signedIn.person.name, 'ben')
    refused(await finishSignIn(world.desk, given), 'passkey.refused')
    const other = await signIn('ben')
    refused(await finishSignIn(world.desk, { ...other, challenge: (await signIn('ben')).challenge }), 'passkey.refused')
    const late = await signIn('ben')
    world.clock.advance(5 * minute)
    refused(await finishSignIn(world.desk, late), 'passkey.refused')
  })

  test('a signature for an approval signs nobody in, and the other way round', async () => {
    const { requestGrant } = await import('./request-grant.ts')
    const grant = mustBe(
      await requestGrant(world.desk, await world.caller('bot'), { task: 'release', statement: '', scope: ['shop/deploy'] }),
    )
    const question = mustBe(await prepareAnswer(world.desk, world.person('eva'), { subject: grant.id, decision: 'approve', narrowing: {} }))
    refused(
      await finishSignIn(world.desk, {
        challenge: question.challenge,
        response: world.sign('eva', question.challenge, question.credentialIds),
      }),
      'passkey.refused',
    )
    refused(await answer(world.desk, world.person('eva'), await signIn('eva')), 'approval.signature')
    assert.equal(world.desk.facts.grant(grant.id)?.state, 'pending')
  })

  test('an authenticator whose counter went back is refused: it may be a copy', async () => {
    const early = await signIn('eva')
    mustBe(await finishSignIn(world.desk, await signIn('eva')))
    refused(await finishSignIn(world.desk, early), 'passkey.refused')
  })

  test('a cookie ends after an hour, with a sign-out, and while its person is disabled or contained', async () => {
    const cookie = async (name: string) => reveal(mustBe(await finishSignIn(world.desk, await signIn(name))).cookie)
    const [short, out, eva] = [await cookie('ben'), await cookie('ben'), await cookie('eva')]
    assert.equal((await personOfCookie(world.desk, short)).ok, true)
    mustBe(await signOut(world.desk, out))
    refused(await personOfCookie(world.desk, out), 'credential.invalid')
    refused(await personOfCookie(world.desk, 'forged'), 'credential.invalid')
    mustBe(await quarantine(world.desk, await world.caller('ben'), 'eva', 'odd'))
    refused(await personOfCookie(world.desk, eva), 'credential.invalid')
    refused(await finishSignIn(world.desk, await signIn('eva')), 'passkey.refused')
    mustBe(await release(world.desk, await world.caller('ben'), 'eva', 'fine'))
    await configure(world, shopDocument({ people: [{ name: 'ana' }, { name: 'ben' }, { name: 'eva', disabled: true }] }))
    refused(await personOfCookie(world.desk, eva), 'credential.invalid')
    await configure(world, shopDocument())
    assert.equal((await personOfCookie(world.desk, eva)).ok, true)
    world.clock.advance(hour)
    refused(await personOfCookie(world.desk, short), 'credential.invalid')
  })
})

describe('a command line that signs its person in', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: shopDocument() })
  })
  after(() => world.close())

  const started = async () => {
    const device = mustBe(await startDeviceSignIn(world.desk, here))
    return { code: reveal(device.deviceCode), userCode: device.userCode }
  }
  const confirm = async (name: string, userCode: string) => {
    const { challenge, credentialIds } = mustBe(await prepareDeviceConfirmation(world.desk, world.person(name), userCode))
    return { challenge, response: world.sign(name, challenge, credentialIds) }
  }
  const poll = async (code: string, address = here) => mustBe(await pollDevice(world.desk, code, address)).state

  test('waits, is confirmed by a signature, and gets its token once and at its own address', async () => {
    const { code, userCode } = await started()
    assert.equal(await poll(code), 'waiting')
    mustBe(await confirmDevice(world.desk, world.person('ben'), await confirm('ben', userCode.toLowerCase())))
    assert.equal(await poll(code, '127.0.0.2'), 'ended', 'somebody else who read the code')
    const polled = mustBe(await pollDevice(world.desk, code, here))
    assert.equal(polled.state === 'confirmed' && reveal(polled.token).length > 20, true)
    assert.equal(await poll(code), 'ended')
  })

  test('is not confirmed by another person’s answer, nor by one for another command line, nor twice', async () => {
    const [one, two] = [await started(), await started()]
    const bens = await confirm('ben', one.userCode)
    refused(await confirmDevice(world.desk, world.person('eva'), bens), 'passkey.refused')
    const evas = await confirm('eva', one.userCode)
    refused(await confirmDevice(world.desk, world.person('eva'), { challenge: bens.challenge, response: evas.response }), 'passkey.refused')
    refused(
      await confirmDevice(world.desk, world.person('eva'), { challenge: bens.challenge, response: world.sign('eva', bens.challenge, []) }),
      'approval.signature',
    )
    mustBe(await confirmDevice(world.desk, world.person('ben'), bens))
    refused(await confirmDevice(world.desk, world.person('ben'), bens), 'passkey.refused')
    refused(await answer(world.desk, world.person('ben'), await confirm('ben', two.userCode)), 'approval.signature')
    assert.deepEqual([await poll(two.code), await poll(one.code)], ['waiting', 'confirmed'])
    assert.equal((await prepareDeviceConfirmation(world.desk, world.person('ben'), 'XXXX-XXXX')).ok, false)
  })

  test('ends after ten minutes, and with its person', async () => {
    const [late, left] = [await started(), await started()]
    mustBe(await confirmDevice(world.desk, world.person('eva'), await confirm('eva', left.userCode)))
    mustBe(await quarantine(world.desk, await world.caller('ben'), 'eva', 'odd'))
    assert.equal((await pollDevice(world.desk, left.code, here)).ok, false)
    const bens = await confirm('ben', late.userCode)
    world.clock.advance(10 * minute)
    assert.equal((await confirmDevice(world.desk, world.person('ben'), bens)).ok, false)
    assert.equal(await poll(late.code), 'ended')
  })
})
