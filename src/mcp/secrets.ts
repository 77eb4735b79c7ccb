/** Shorter ones are no secrets, and would make any text unreadable. */
const shortestSecret = 6

/** The text without the values that must not be seen, such as those of an entry's `env` and `headers`. */
export function hideSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .flatMap((secret) => secret.split(/\r?\n/))
    .filter(({ length }) => length >= shortestSecret)
    .toSorted((one, other) => other.length - one.length)
    .reduce((shown, secret) => shown.replaceAll(secret, '[redacted]'), text)
}
