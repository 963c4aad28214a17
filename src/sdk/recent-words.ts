/** What was done before a held action in words, for whoever stands on the client alone. */
export { countsInWords, differenceInWords, differences, lookedInWords, outcomeInWords } from '../wire/recent-words.ts'
