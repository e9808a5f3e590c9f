/** Whole sentences of a growing text, for those who hear it: each is said once, none in pieces. */
export interface Spoken {
  /** Characters already said. */
  readonly upTo: number;
  readonly say: string;
}

const END = /[.!?:](?=\s)|\n{2,}/g;

export function nextSentences(text: string, upTo: number): Spoken {
  let end = upTo;
  for (const match of text.slice(upTo).matchAll(END)) end = upTo + match.index + match[0].length;
  return { upTo: end, say: text.slice(upTo, end).trim() };
}
