export type Part = 'paraphrases' | 'words' | 'names' | 'codes' | 'languages'

/** A message that a query is meant to find. */
export interface Labelled {
  readonly part: Part
  readonly query: string
  readonly text: string
}

const of = (part: Part, rows: readonly (readonly [query: string, text: string])[]): readonly Labelled[] =>
  rows.map(([query, text]) => ({ part, query, text }))

/** Sixty queries, each with the one message that answers it. */
export const labelled: readonly Labelled[] = [
  // Said in other words: no word of weight is in both.
  ...of('paraphrases', [
    [
      'how do I get reimbursed for a faulty purchase',
      'If the item arrived damaged, send it back within 30 days and we return your money.',
    ],
    ['I cannot sign in anymore', 'Your account was locked after five wrong passwords; reset it from the login page.'],
    [
      'remedies for sleeplessness',
      'When I lie awake at night, warm milk and no screens before bed help me fall asleep.',
    ],
    [
      'cheap ways to travel across Europe',
      'A rail pass and hostels keep the cost of a trip from Lisbon to Berlin low.',
    ],
    [
      'why is my computer so slow',
      'The laptop takes ages to open anything because its disk is full and memory is short.',
    ],
    [
      'teaching kids to ride a bike',
      'Take off the pedals, let your daughter push with her feet, and balance comes by itself.',
    ],
    [
      'dinner ideas without meat',
      'For tonight: lentil curry, mushroom risotto, or stuffed peppers for the vegetarians.',
    ],
    [
      'my car does not start in the cold',
      'On frosty mornings the engine will not turn over; the battery is probably weak.',
    ],
    [
      'stop the dog from barking',
      'When the puppy makes noise at visitors, reward it for being quiet and ignore the rest.',
    ],
    [
      'growing vegetables on a balcony',
      'Tomatoes and herbs do well in pots on a sunny terrace if you water them daily.',
    ],
    [
      'being nervous before speaking to an audience',
      'Breathe slowly and rehearse aloud, and the fear of giving a talk becomes smaller.',
    ],
    ['saving for old age', 'Put a part of each salary into a pension fund early, and compound interest does the rest.'],
    ['the film was boring', 'I nearly fell asleep in the cinema; nothing happened in that movie for two hours.'],
    [
      'removing red wine from cloth',
      'Cover the stain on the tablecloth with salt at once, then rinse it with cold water.',
    ],
    ['learning a foreign tongue quickly', 'Speak Spanish with natives every day, and you become fluent in months.'],
    [
      'lower back hurts from sitting',
      'Spinal pain of office workers gets better with a standing desk and short walks.',
    ],
    ['is it going to rain tomorrow', 'The weather forecast for Saturday says showers in the morning and sun later.'],
    ['the children do not want to eat greens', 'Our son refuses broccoli, so we hide spinach in his pancakes.'],
  ]),
  // A few words of it, in other forms and order.
  ...of('words', [
    [
      'migrating database indexes',
      'Before the migration we drop each index of the database and build them again afterwards.',
    ],
    ['quarterly budget meeting notes', 'Notes of the meeting on the budget: every quarter, travel is cut by a tenth.'],
    ['caching rendered templates', 'The template is rendered once, and the cache serves it for an hour.'],
    ['wedding guest list', 'The list of guests for the wedding has grown to ninety people.'],
    ['apartment lease renewal', 'The lease of the apartment must be renewed by the end of May.'],
    ['violin lessons schedule', 'New schedule: violin lesson on Tuesdays at five, orchestra on Fridays.'],
    ['"exit code 137"', 'The container ended with exit code 137, so it was killed for its memory.'],
    ['kubernetes ingress certificate', 'The certificate of the ingress in Kubernetes had run out overnight.'],
  ]),
  ...of('names', [
    ['Okonkwo', 'Adaeze Okonkwo takes over the accounts of the northern branch.'],
    ['Besançon', 'The workshop is at Besançon, near the old citadel.'],
    ['Szymborska poem', 'She read a poem of Wisława Szymborska at the funeral.'],
    ['Tanaka contract', 'Mr Tanaka signed the contract on behalf of the supplier.'],
    ['Rheinfelden', 'The train stops in Rheinfelden for two minutes only.'],
    ['Priya Raghunathan', 'Please forward the slides to Priya Raghunathan before noon.'],
    ['Zephyrine', 'We named the boat Zephyrine after my aunt.'],
    ['Hotel Belvoir', 'Rooms at the Hotel Belvoir are booked for the second week.'],
    ['muller invoice', 'Frau Müller has not paid the invoice of April.'],
    ["O'Halloran", "Dr O'Halloran moved the appointment to Thursday."],
    ['Kowalczyk phone', 'The phone of Marek Kowalczyk is switched off since Monday.'],
  ]),
  ...of('codes', [
    ['ERR-4521', 'The deployment failed with ERR-4521 in the billing module.'],
    ['INV-2024-0093', 'Invoice INV-2024-0093 was sent twice by mistake.'],
    ['useLayoutEffect', 'Replace it by useLayoutEffect, or the tooltip flickers.'],
    ['192.168.14.7', 'The printer answers at 192.168.14.7 again.'],
    ['ECONNREFUSED', 'The worker stops with ECONNREFUSED when redis is down.'],
    ['v3.11.2-rc1', 'The regression came with v3.11.2-rc1 of the library.'],
    ['/INV-\\d{4}-0117/', 'Somebody has lost INV-2023-0117 between two folders.'],
    ['max_connections', 'Raise max_connections before the load test begins.'],
    ['LH 1742', 'My flight is LH 1742, and it lands at six.'],
    ['src/queue/retry.py', 'The loop that never ends is in src/queue/retry.py at the bottom.'],
    ['SKU 88-1203-B', 'Please order twelve more of SKU 88-1203-B for the shop.'],
    ['#ff6347', 'Paint the warning button in #ff6347 and keep the rest grey.'],
  ]),
  ...of('languages', [
    ['facture électricité', "La facture d'électricité du mois de mars est trop élevée."],
    ['Mietvertrag kündigen', 'Ich möchte meinen Mietvertrag zum Ende des Monats kündigen.'],
    ['receta de gazpacho', 'La receta de gazpacho de mi abuela lleva pan duro y vinagre.'],
    ['会議 東京', '明日の会議は東京駅の近くの事務所で行います。'],
    ['рецепт борща', 'Вот рецепт борща, который варила моя бабушка в Полтаве.'],
    ['天气预报', '天气预报说北京周末有大雪，请多穿衣服。'],
    ['orario treni', "L'orario dei treni per Bologna cambia da domenica."],
    ['passaporte renovar', 'Preciso renovar o passaporte antes da viagem de julho.'],
    ['fyrtårn ferie', 'Vi lejede et gammelt fyrtårn til vores ferie ved Skagen.'],
    ['การประชุม', 'การประชุมทีมเลื่อนเป็นวันพุธ'],
    ['δρομολόγια πλοίων', 'Τα δρομολόγια των πλοίων για τη Νάξο άλλαξαν.'],
  ]),
]

const subjects = [
  'the garden fence',
  'our holiday photos',
  'the office kitchen',
  'the new bicycle',
  'my piano',
  'the school trip',
  'the spare bedroom',
  'the chess club',
  'a birthday cake',
  'the running shoes',
  'the library card',
  'the old camera',
  'the camping stove',
  'the choir',
  'the bookshelf',
] as const

const remarks = [
  (subject: string) => `Can you remind me to ask Tom about ${subject} next week?`,
  (subject: string) => `I was thinking about ${subject} again, and I am still not sure what to do.`,
  (subject: string) => `Write a short and friendly note to the neighbours about ${subject}.`,
  (subject: string) => `Sure, here is a summary of what we said on ${subject} so far.`,
  (subject: string) => `What would it cost to replace ${subject} before the summer?`,
  (subject: string) => `My brother has a strong opinion on ${subject}, as always.`,
  (subject: string) => `Let us put ${subject} on the agenda and decide together.`,
  (subject: string) => `There are three things to consider with ${subject}: time, money and patience.`,
  (subject: string) => `Thanks for the help with ${subject} yesterday, it went better than I had hoped.`,
  (subject: string) => `Please translate the paragraph on ${subject} and keep its tone.`,
  (subject: string) => `A picture of ${subject} would fit well on the second page.`,
  (subject: string) => `Nobody has asked about ${subject} since the beginning of the year.`,
  (subject: string) => `Explain the history of ${subject} to a child of ten.`,
  (subject: string) => `The report says little of ${subject}, which surprised me.`,
  (subject: string) => `Invoice, contract and phone number for ${subject} are in the blue folder.`,
  (subject: string) => `ERR-4500 came up again while I was busy with ${subject}.`,
  (subject: string) => `Der Vertrag für ${subject} liegt auf dem Tisch.`,
] as const

/** What else was said: 255 messages that answer none of the queries. */
export const unrelated: readonly string[] = subjects.flatMap((subject) => remarks.map((remark) => remark(subject)))
