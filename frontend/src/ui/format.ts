/** Lengths of time, sizes and dates in words. */

export function duration(seconds: number): string {
  if (seconds < 0.05) return "0 s";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  return wholeDuration(seconds);
}

/** For clocks that tick once a second. */
export function wholeDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} m ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} m`;
}

/** As on a watch: `0:58`, `12:05`, `1:02:00`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

/** 1234567 is `1.2 M`, 12345 is `12.3 k`. */
export function count(value: number): string {
  if (value < 1000) return String(value);
  const [scaled, unit] = value < 999_950 ? [value / 1000, "k"] : [value / 1_000_000, "M"];
  return `${scaled < 99.95 ? scaled.toFixed(1).replace(/\.0$/, "") : Math.round(scaled)} ${unit}`;
}

export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const kib = bytes / 1024;
  return kib < 1024 ? `${Math.round(kib)} KB` : `${(kib / 1024).toFixed(1)} MB`;
}

const DAY = 86_400;

export function ago(then: number, now: number): string {
  const seconds = now - then;
  if (seconds < 60) return "now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m`;
  if (seconds < DAY) return `${Math.floor(seconds / 3600)} h`;
  if (seconds < 7 * DAY) return `${Math.floor(seconds / DAY)} d`;
  return new Date(then * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
}

export const exactTime = (then: number): string =>
  new Date(then * 1000).toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short" });

export const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`;

/** The last folder of a path, as people say it: `propylon/`. */
export const folderName = (path: string): string => {
  const last = path.split(/[/\\]/).filter(Boolean).at(-1);
  return last ? `${last}/` : path;
};
