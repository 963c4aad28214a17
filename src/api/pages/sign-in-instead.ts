/** Where somebody goes who opened a page without being signed in, and how they come back. */
import { html, type Html } from './html.ts'

export interface Instead {
  readonly to: `/${string}`
  /** In place of the redirect: see below. */
  readonly html?: Html
}

/**
 * To the sign-in page and back. A cookie that is `SameSite=Strict` does not come with a link followed from another site, such as a
 * chat; so such a visit is first sent to the same page once more, now from our own site, and only then asked to sign in.
 */
export function signInInstead(origin: string, visit: { readonly url: string; readonly site: string | undefined }): Instead {
  const back = localPath(visit.url, origin) ?? '/waiting'
  const to: Instead['to'] = `/sign-in?next=${encodeURIComponent(back)}`
  if (visit.site !== 'cross-site' && visit.site !== 'same-site') return { to }
  const again = html`<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=${back}"><title>Remit</title></head><body><p><a href="${back}">Go on</a></p></body></html>`
  return { to, html: again }
}

/** The path to go back to, or nothing if it is anything but a page of this very site: never an open redirect. */
export function localPath(text: string, origin: string): `/${string}` | undefined {
  if (!/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(text) || !URL.canParse(text, origin)) return undefined
  const url = new URL(text, origin)
  if (url.origin !== origin || !/^\/(?:requests|holds|waiting|device|oauth\/authorize)(?:\/|$)/.test(url.pathname)) return undefined
  return `/${`${url.pathname}${url.search}`.slice(1)}`
}
