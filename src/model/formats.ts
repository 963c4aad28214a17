/** What a text can be demanded to be, read strictly: one mail address, one address of a page, one name of a host, one instant. */

/** A short, closed list: a format that is not on it is refused, so that nobody believes to have pinned what nothing looks at. */
export const formats = ['email', 'https', 'host', 'uuid', 'date', 'date-time'] as const
export type Format = (typeof formats)[number]

export function isFormat(text: string): text is Format {
  return formats.some((format) => format === text)
}

/** Whether a text is of this form, and only of it: a list of addresses is no address, and neither is one with a name beside it. */
export function isOfFormat(format: Format, text: string): boolean {
  return readers[format](text)
}

const readers: Readonly<Record<Format, (text: string) => boolean>> = {
  email: isEmail,
  https: isHttps,
  host: isHost,
  uuid: (text) => /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text),
  date: isDate,
  'date-time': isDateTime,
}

const hostMax = 253
const labelPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i

/** Names of RFC 1123 of two labels and more; what ends in digits could be read as an address (WHATWG URL, "ends in a number"). */
function isHost(text: string): boolean {
  const labels = text.split('.')
  if (text.length > hostMax || labels.length < 2 || !labels.every((label) => labelPattern.test(label))) return false
  return /[a-z]/i.test(labels.at(-1) ?? '')
}

const localMax = 64
/** Dot-atoms of RFC 5322, without the signs by which mail was once routed on (`%`, `!`, `|`, `/`) and without quotes. */
const localPattern = /^[A-Za-z0-9_+=~-]+(?:\.[A-Za-z0-9_+=~-]+)*$/

function isEmail(text: string): boolean {
  const at = text.indexOf('@')
  const local = text.slice(0, Math.max(at, 0))
  return local.length <= localMax && localPattern.test(local) && isHost(text.slice(at + 1))
}

const urlMax = 2_048

/** RFC 3986 without what lists are parted by, and without the brackets of addresses. */
const urlPattern = /^https:\/\/[A-Za-z0-9._~:/?#@!$&()*+=%-]+$/

/** As every reader of URLs writes it again, so that a pattern on it sees what will be fetched: no user, no `..`, no host in other letters. */
function isHttps(text: string): boolean {
  if (text.length > urlMax || !urlPattern.test(text)) return false
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '' || !isHost(url.hostname)) return false
  return url.href === text || url.href === `${text}/`
}

/** RFC 3339, full-date: a day that was or will be. */
function isDate(text: string): boolean {
  const [, year = '', month = '', day = ''] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? []
  if (year === '') return false
  const [y, m, d] = [Number(year), Number(month), Number(day)]
  return m >= 1 && m <= 12 && d >= 1 && d <= daysOf(y, m)
}

function daysOf(year: number, month: number): number {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  if (month === 2) return isLeap ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

/** RFC 3339, date-time, with capital letters; without leap seconds, which most clocks do not have. */
function isDateTime(text: string): boolean {
  const [, date = '', hour, minute, second, zoneHour = '0', zoneMinute = '0'] =
    /^(\d{4}-\d{2}-\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:Z|[+-](\d{2}):(\d{2}))$/.exec(text) ?? []
  if (!isDate(date)) return false
  return Number(hour) <= 23 && Number(minute) <= 59 && Number(second) <= 59 && Number(zoneHour) <= 23 && Number(zoneMinute) <= 59
}
