/** Runs in the browser of a test: what of a page somebody could not read, and what has no name. */

window.faultsOfPage = () => ({ illegible: illegible(), nameless: nameless() })

/** Texts with less contrast than 4.5 to 1 (WCAG 2.2, 1.4.3). */
function illegible() {
  const found = []
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '')
    if (!own || element.tagName === 'NOSCRIPT') continue
    const [light, dark] = [lightOf(window.getComputedStyle(element).color), lightOf(paperOf(element))].toSorted((a, b) => b - a)
    const contrast = (light + 0.05) / (dark + 0.05)
    if (contrast < 4.5) found.push(`${element.tagName}.${element.className}: ${contrast.toFixed(2)}`)
  }
  return found
}

/** Sections without a heading of theirs, rows of tables without a header, buttons and links without words. */
function nameless() {
  const headed = (section) => document.getElementById(section.getAttribute('aria-labelledby') ?? '')?.tagName === 'H2'
  const found = [
    ...[...document.querySelectorAll('section')].filter((section) => !headed(section)),
    ...[...document.querySelectorAll('tr')].filter((row) => row.querySelector('th[scope=row]') === null),
    ...[...document.querySelectorAll('a, button')].filter((element) => element.innerText.trim() === ''),
  ]
  return found.map((element) => element.outerHTML.slice(0, 100))
}

function lightOf(color) {
  const [r, g, b] = partsOf(color).map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4))
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function paperOf(element) {
  const { backgroundColor } = window.getComputedStyle(element)
  if (partsOf(backgroundColor)[3] !== 0) return backgroundColor
  return element.parentElement === null ? 'rgb(255, 255, 255)' : paperOf(element.parentElement)
}

function partsOf(color) {
  return color.match(/[\d.]+/g).map(Number)
}
