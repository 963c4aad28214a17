/** Names as configurations write them. */
import { deskServiceName } from './desk-service.ts'
import type { Place } from './parse-document.ts'
import { isName, isOperationName } from './scope.ts'

export function nameAt(place: Place): string {
  const name = place.text()
  if (name !== '' && !isName(name))
    place.fault(`"${name.slice(0, 60)}" is not a name`, 'use lowercase letters, digits and . _ - and at most 64 of them')
  return name
}

export function operationAt(place: Place): string {
  const name = place.text()
  if (name !== '' && !isOperationName(name))
    place.fault(`"${name.slice(0, 60)}" is not a name`, 'use letters, digits and . _ - and at most 64 of them')
  return name
}

/** As `nameAt`, and none that is Remit's own. */
export function serviceNameAt(place: Place): string {
  if (place.value === deskServiceName) place.fault(`"${deskServiceName}" is Remit's own desk`, 'choose another name')
  return nameAt(place)
}
