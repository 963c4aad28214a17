/** How a store in PostgreSQL is timed in tests: real clocks, and a hold that is let go of sooner than in use. */

export const postgresTimes = {
  beatMs: 500,
  lockWaitMs: 500,
  steady: () => performance.now(),
  after: (milliseconds: number, work: () => void) => {
    const timer = setTimeout(work, milliseconds)
    return () => clearTimeout(timer)
  },
}
