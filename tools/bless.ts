/** Rewrites the pages that are made from the code. Read the difference: it is the review. */
import { blessPages, pages } from './pages.ts'

const written = await blessPages()
for (const path of written) console.log(`wrote ${path}`)
console.log(`bless: ${written.length} of ${Object.keys(pages).length} pages changed`)
