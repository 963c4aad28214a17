/** POST /access/v1/search/resource: every resource that would get a yes, page by page (AuthZEN 1.0, section 8). */
import { searchEndpoints } from '../authzen/search-endpoint.ts'

export const [searchResources, searchApplicationResources] = searchEndpoints('resource')
