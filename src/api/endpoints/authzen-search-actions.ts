/** POST /access/v1/search/action: every action that would get a yes, page by page (AuthZEN 1.0, section 8). */
import { searchEndpoints } from '../authzen/search-endpoint.ts'

export const [searchActions, searchApplicationActions] = searchEndpoints('action')
