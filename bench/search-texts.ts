// Messages and queries for the scenario `search`: the same at every run, in English, of many topics, with words whose
// numbers fall as Zipf says.

const topicWords = [
  'train ticket hotel Lisbon luggage airport passport itinerary museum ferry hostel border visa sightseeing',
  'invoice refund payment receipt discount customer shipping warranty complaint delivery order parcel billing tax',
  'database index query migration transaction replica schema backup latency connection deadlock vacuum shard cursor',
  'garden tomato soil compost seedling fertilizer pruning balcony harvest weeds watering greenhouse basil slugs',
  'recipe lentil curry oven garlic butter simmer dough vegetarian noodle spices roasting dessert whisk',
  'doctor headache fever prescription allergy vaccine symptom insomnia therapy diet migraine surgery nurse blood',
  'salary mortgage pension interest budget savings insurance investment dividend loan inflation broker bank debt',
  'guitar melody rehearsal concert rhythm chorus piano lyrics orchestra album drummer harmony tempo violin',
  'football goalkeeper marathon training referee penalty stadium coach tournament sprint league injury midfield trophy',
  'laptop keyboard battery monitor firmware printer charger router disk update driver freeze reboot touchpad',
  'school teacher homework exam lecture curriculum tuition essay semester kindergarten classroom pupil thesis grade',
  'engine gearbox brake tyre mileage diesel mechanic oil clutch exhaust headlight parking garage axle',
  'telescope planet galaxy comet orbit satellite eclipse asteroid rocket astronaut moon gravity nebula spectrum',
  'contract lawyer lawsuit clause tenant landlord evidence verdict copyright witness appeal notary deposit liability',
  'puppy leash veterinarian kitten aquarium hamster feeding barking litter adoption grooming parrot stable saddle',
  'deploy container cluster pipeline rollback kernel certificate proxy firewall monitoring alert outage release branch',
  'paint canvas sculpture exhibition sketch watercolor gallery portrait easel pottery charcoal mural ceramics palette',
  'storm forecast humidity thunder drought glacier rainfall temperature flood hurricane frost climate breeze snow',
  'novel chapter publisher poem biography library manuscript plot editor fiction translation narrator sequel paperback',
  'interview resume promotion colleague meeting deadline manager overtime freelance onboarding resignation office shift career',
].map((words) => words.split(' '))

const commonWords =
  'the to and a of in is it that for you was with on as have but be they not are this at from or one had by word what all were we when your can said there use an each which she do how their if will up other about out many then them these so some her would make like him into time has look two more write go see number no way could people my than first water been call who oil its now find long down day did get come made may part over new sound take only little work know place year live me back give most very after thing our just name good sentence man think say great where help through much before line right too mean old any same tell boy follow came want show also around form three small set put end does another well large must big even such because turn here why ask went men read need land different home us move try kind hand picture again change off play spell air away animal house point page letter mother answer found study still learn should world'.split(
    ' ',
  )

/** Of these nobody has heard: names, codes, words of a trade. Rank 0 is the most frequent. */
const rareWords = 20_000
const syllables = 'ba ke li mo nu ra se ti vo zu dar fen gil hok jum pel qua sto tri wex'.split(' ')

/** Numbers from 0 to 1, the same for each seed: mulberry32. */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

type Random = () => number

export function pick<Item>(items: readonly Item[], random: Random): Item {
  const item = items[Math.floor(random() * items.length)]
  if (item === undefined) throw new Error('there is nothing to pick from')
  return item
}

/** The item at rank r comes up in proportion to 1 / (r + 1). */
const zipfRank = (count: number, random: Random) => Math.floor((count + 1) ** random()) - 1

function rareWord(rank: number): string {
  let word = ''
  for (let rest = rank + syllables.length; rest > 0; rest = Math.floor(rest / syllables.length))
    word += syllables[rest % syllables.length]
  return word
}

const frames: readonly ((words: readonly string[]) => string)[] = [
  ([a, b, c]) => `How do I keep the ${a} from spoiling the ${b} before the ${c}?`,
  ([a, b, c]) => `We talked about the ${a}, and the ${b} turned out better than the ${c}.`,
  ([a, b, c]) => `Please explain what a ${a} has to do with ${b} and ${c}.`,
  ([a, b, c]) => `Yesterday the ${a} went wrong because nobody had looked at the ${b} or the ${c}.`,
]

/** What a message may be about: a sentence, and the topic that its words are of. */
export interface About {
  readonly sentence: string
  readonly topic: number
}

export function centresOf(count: number): readonly About[] {
  const random = randomOf(1)
  return Array.from({ length: count }, (_, index) => {
    const topic = index % topicWords.length
    const words = Array.from({ length: 3 }, () => pick(topicWords[topic] ?? [], random))
    return { sentence: pick(frames, random)(words), topic }
  })
}

/** About a sentence: that, and 15 to 75 words more, of which some are the topic's and some rare. */
export function messageText({ sentence, topic }: About, random: Random): string {
  const words = Array.from({ length: 15 + Math.floor(random() * 60) }, (_, index) => {
    const kind = random()
    const word =
      kind < 0.7
        ? (commonWords[zipfRank(commonWords.length, random)] ?? '')
        : kind < 0.85
          ? pick(topicWords[topic] ?? [], random)
          : rareWord(zipfRank(rareWords, random))
    return index % 11 === 10 ? `${word}.` : word
  })
  const code = random() < 0.02 ? ` INV-${2020 + Math.floor(random() * 7)}-${1000 + Math.floor(random() * 9000)}` : ''
  return `${sentence} ${words.join(' ')}${code}.`
}

/** A fourth each: words that are everywhere, of one topic, rare ones beside common ones, and questions. */
export function queriesOf(count: number): readonly string[] {
  const random = randomOf(2)
  const common = commonWords.slice(20, 90)
  const kinds: readonly (() => string)[] = [
    () => `${pick(common, random)} ${pick(common, random)}`,
    () => {
      const words = pick(topicWords, random)
      return `${pick(words, random)} ${pick(words, random)} ${pick(words, random)}`
    },
    () => `${rareWord(100 + Math.floor(random() * 2_000))} ${pick(common, random)}`,
    () => {
      const words = pick(topicWords, random)
      return `why ${pick(words, random)} without ${pick(words, random)}`
    },
  ]
  return Array.from({ length: count }, (_, index) => kinds[index % kinds.length]?.() ?? '')
}

/** Codes, which one message in fifty holds. */
export function patternsOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `INV-202\\d-${1 + (index % 9)}\\d{3}`)
}
