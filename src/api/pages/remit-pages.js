/** The pages in the browser: asks for a passkey, shows how it goes, says plainly what went wrong. No framework, no dependency. */

/** The question that a command line's page is about to sign. */
const questions = new WeakMap()
const forms = { register, 'sign-in': signIn, answer, device, authorize }

for (const form of document.querySelectorAll('form[data-remit]')) {
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void run(form, () => forms[form.dataset.remit](form, event.submitter))
  })
}
for (const button of document.querySelectorAll('[data-sign]')) {
  button.addEventListener('click', () => void run(button.form, () => confirmDevice(button.form)))
}
countDown()

/** One thing at a time: buttons rest while it runs, and what went wrong stands where the progress was. */
async function run(form, work) {
  if (form.dataset.busy === 'yes') return
  form.dataset.busy = 'yes'
  const buttons = form.querySelectorAll('button')
  for (const button of buttons) button.disabled = true
  try {
    await work()
  } catch (error) {
    tell(form, inWords(error), 'problem')
  } finally {
    delete form.dataset.busy
    for (const button of buttons) button.disabled = false
  }
}

async function register(form) {
  const { link } = form.dataset
  const name = form.elements.namedItem('name')
  const who = name === null ? { link } : { link, name: name.value.trim() }
  tell(form, 'Asking …')
  const { challenge, publicKey } = await ask('/pages/registration/begin', who)
  tell(form, 'Your browser asks you to make a passkey …')
  const response = await makePasskey(publicKey)
  tell(form, 'Keeping it …')
  await ask('/pages/registration/finish', { ...who, challenge, response })
  tell(form, 'Done.', 'good')
  window.location.assign('/waiting')
}

async function signIn(form) {
  tell(form, 'Asking …')
  const { challenge, publicKey } = await ask('/pages/sign-in/begin', {})
  tell(form, 'Your browser asks for your passkey …')
  const response = await signWithPasskey(publicKey)
  tell(form, 'Signing in …')
  await ask('/pages/sign-in/finish', { challenge, response })
  tell(form, 'Signed in.', 'good')
  const { next } = form.dataset
  window.location.assign(next.startsWith('/') && !next.startsWith('//') ? next : '/waiting')
}

async function answer(form, button) {
  const decision = button === null || button === undefined ? undefined : button.value
  if (decision !== 'approve' && decision !== 'deny') throw new Error('Choose one of the two buttons.')
  const { subject, digest } = form.dataset
  const narrowing = decision === 'approve' ? narrowingOf(form) : {}
  tell(form, 'Asking …')
  const { challenge, publicKey } = await ask('/pages/answers/begin', { subject, digest, decision, narrowing })
  tell(
    form,
    decision === 'approve'
      ? 'Your browser asks for your passkey, to sign your yes …'
      : 'Your browser asks for your passkey, to sign your no …',
  )
  const response = await signWithPasskey(publicKey)
  tell(form, 'Handing it in …')
  const { state } = await ask('/pages/answers/finish', { challenge, response })
  tell(form, `Signed. It is ${state} now.`, 'good')
  window.location.reload()
}

/** Only what was taken away: an untouched form narrows nothing. */
function narrowingOf(form) {
  const narrowing = {}
  const duration = form.elements.namedItem('duration')
  if (duration !== null && duration.value !== '') narrowing.duration = duration.value
  const boxes = [...form.querySelectorAll('input[name="line"]')]
  const kept = boxes.filter((box) => box.checked).map((box) => Number(box.value))
  if (boxes.length > 0 && kept.length === 0) throw new Error('Nothing is left of it: deny it instead.')
  if (kept.length < boxes.length) narrowing.lines = kept
  for (const limit of ['uses', 'sums', 'rates']) {
    const lower = {}
    for (const field of form.querySelectorAll(`input[name^="${limit}-"]`)) {
      const line = Number(field.name.slice(limit.length + 1))
      const isKept = boxes.length === 0 || kept.includes(line)
      if (isKept && field.value !== '' && field.value !== field.dataset.asked) lower[line] = Number(field.value)
    }
    if (Object.keys(lower).length > 0) narrowing[limit] = lower
  }
  const where = {}
  for (const field of form.querySelectorAll('input[name^="where-"]')) {
    const line = Number(field.name.slice('where-'.length))
    const isKept = boxes.length === 0 || kept.includes(line)
    if (isKept && field.value.trim() !== '') where[line] = field.value.trim()
  }
  if (Object.keys(where).length > 0) narrowing.where = where
  return narrowing
}

/** In two steps: the person sees where the command line was started before there is anything to sign. */
async function device(form) {
  const code = form.elements.namedItem('code').value.trim().toUpperCase()
  tell(form, 'Looking it up …')
  const { challenge, publicKey, address } = await ask('/pages/device/begin', { code })
  form.querySelector('[data-address]').textContent = address
  form.querySelector('[data-confirm]').hidden = false
  tell(form, '')
  questions.set(form, { challenge, publicKey })
}

async function confirmDevice(form) {
  const { challenge, publicKey } = questions.get(form)
  tell(form, 'Your browser asks for your passkey …')
  const response = await signWithPasskey(publicKey)
  tell(form, 'Confirming …')
  await ask('/pages/device/finish', { challenge, response })
  form.querySelector('[data-confirm]').hidden = true
  tell(form, 'Confirmed. You can go back to the command line and close this page.', 'good')
}

/** A yes is signed; either way the browser goes on to the client. */
async function authorize(form, button) {
  const decision = button === null || button === undefined ? undefined : button.value
  if (decision !== 'approve' && decision !== 'deny') throw new Error('Choose one of the two buttons.')
  const { request } = form.dataset
  tell(form, 'Asking …')
  if (decision === 'deny') return leave(form, await ask('/pages/authorize/deny', { request }))
  const agent = form.elements.namedItem('agent').value
  const { challenge, publicKey } = await ask('/pages/authorize/begin', { request, agent })
  tell(form, 'Your browser asks for your passkey, to sign your yes …')
  const response = await signWithPasskey(publicKey)
  tell(form, 'Handing it in …')
  leave(form, await ask('/pages/authorize/finish', { challenge, response }))
}

function leave(form, { to }) {
  const { protocol } = new URL(to)
  if (protocol !== 'https:' && protocol !== 'http:') throw new Error('This is no address to go on to.')
  tell(form, 'Going back to the client …', 'good')
  window.location.assign(to)
}

/** Asks our own site; throws what it refuses, in words for a person. */
async function ask(path, body) {
  let response
  try {
    response = await window.fetch(path, {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  } catch {
    throw new Error('Remit cannot be reached. Nothing was signed; try again.')
  }
  const answered = await response.json().catch(() => ({}))
  if (response.ok) return answered
  if (response.status === 401) throw new Error('Your sign-in has ended. Open this page again to sign in.')
  throw new Error(`${sentence(answered.detail ?? answered.title ?? 'it was refused')} ${sentence(answered.remedy ?? '')}`)
}

async function makePasskey(options) {
  const credential = await passkeys().create({
    publicKey: { ...options, challenge: bytesOf(options.challenge), user: { ...options.user, id: bytesOf(options.user.id) } },
  })
  const { clientDataJSON, attestationObject } = credential.response
  return { ...named(credential), response: { clientDataJSON: textOf(clientDataJSON), attestationObject: textOf(attestationObject) } }
}

async function signWithPasskey(options) {
  const allowCredentials = options.allowCredentials.map((each) => ({ ...each, id: bytesOf(each.id) }))
  const credential = await passkeys().get({ publicKey: { ...options, challenge: bytesOf(options.challenge), allowCredentials } })
  const { clientDataJSON, authenticatorData, signature } = credential.response
  return {
    ...named(credential),
    response: { clientDataJSON: textOf(clientDataJSON), authenticatorData: textOf(authenticatorData), signature: textOf(signature) },
  }
}

function passkeys() {
  if (window.PublicKeyCredential === undefined)
    throw new Error('This browser, or this address, cannot use passkeys. Use a current browser over https or on localhost.')
  return window.navigator.credentials
}

function named(credential) {
  return { id: credential.id, rawId: textOf(credential.rawId), type: credential.type }
}

function bytesOf(base64url) {
  const text = window.atob(base64url.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

function textOf(buffer) {
  const text = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join('')
  return window.btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

function inWords(error) {
  switch (error.name) {
    case 'NotAllowedError':
      return 'Nothing was signed: it was cancelled, took too long, or no passkey of yours is on this device.'
    case 'InvalidStateError':
      return 'This device already has a passkey for you here. Sign in with it.'
    case 'SecurityError':
      return 'Passkeys do not work at this address. Open the page at the address that Remit printed.'
    default:
      return error.message
  }
}

function sentence(text) {
  if (text === '') return ''
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
}

function tell(form, text, kind = '') {
  const place = form.querySelector('[data-progress]')
  place.textContent = text
  place.className = `progress ${kind}`
}

/** Counts by the time this page has been open, so that a wrong clock of the computer does not matter. */
function countDown() {
  const places = [...document.querySelectorAll('[data-left]')].map((place) => ({ place, left: Number(place.dataset.left) }))
  if (places.length === 0) return
  const opened = window.performance.now()
  window.setInterval(() => {
    for (const { place, left } of places) place.textContent = leftInWords(left - (window.performance.now() - opened))
  }, 1_000)
}

function leftInWords(milliseconds) {
  if (milliseconds <= 0) return 'over'
  const seconds = Math.floor(milliseconds / 1_000)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  const days = Math.floor(hours / 24)
  if (days > 0) return `${days}d${hours % 24}h left`
  if (hours > 0) return `${hours}h${minutes % 60}m left`
  return minutes > 0 ? `${minutes}m${seconds % 60}s left` : `${seconds}s left`
}
