/** Words of our own about what a held call's tool is, for whoever shows it. */
export { driftInWords, holdNameInWords } from '../wire/definitions.ts'
