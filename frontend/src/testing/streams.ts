import type { Surroundings } from "../live/connection";

/** One connection the fake server grants: what it sends, and whether it then closes or breaks. */
export interface Take {
  status?: number;
  frames?: string[];
  end?: "close" | "break" | "hang";
}

export const frame = (seq: number, kind: string, data: object = {}): string =>
  `id: r1:${seq}\nevent: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;

/** Surroundings that grant these connections one after the other, and remember what was asked. */
export function fakeSurroundings(takes: Take[]) {
  const asked: string[] = [];
  const pauses: number[] = [];
  let online = true;
  const surroundings: Surroundings = {
    fetch: async (input, init) => {
      asked.push(String(input));
      const take = takes.shift();
      if (take === undefined) throw new TypeError("no more connections");
      if (take.status !== undefined && take.status !== 200) return new Response("{}", { status: take.status });
      return new Response(body(take, init?.signal ?? null));
    },
    random: () => 1,
    online: () => online,
    pause: async (ms) => {
      pauses.push(ms);
    },
  };
  return { surroundings, asked, pauses, setOnline: (value: boolean) => (online = value) };
}

function body(
  { frames = [], end = "close" }: Take,
  signal: AbortSignal | null,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const text of frames) controller.enqueue(encoder.encode(text));
      if (end === "close") controller.close();
      signal?.addEventListener("abort", () => controller.error(new Error("aborted")));
    },
    pull(controller) {
      if (end === "break") controller.error(new Error("broken"));
    },
  });
}
