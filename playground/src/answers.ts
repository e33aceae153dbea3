/** What Python says: the shapes of the answers of `recform/playground/answers.py`. */

export interface Diagnostic {
  code: string;
  severity: "error" | "warning";
  message: string;
  hint: string;
  /** As the terminal shows it. */
  text: string;
  /** Where it is in the formula; null if it is in another file, or in no place. */
  range: [number, number] | null;
}

export interface Fix {
  /** The number of the diagnostic that it mends. */
  mends: number;
  title: string;
  start: number;
  end: number;
  text: string;
}

export interface Proposal {
  label: string;
  sort: string;
  detail: string;
  page: string;
  insert: string;
  rank: number;
}

export type Colour = [start: number, end: number, kind: string];

export interface Answers {
  open: { colours: Colour[] };
  check: { diagnostics: Diagnostic[]; networks: string[] };
  fixes: { fixes: Fix[] };
  hover: { text: string; start: number; end: number };
  complete: { proposals: Proposal[] };
  picture: { svg?: string; tikz?: string; diagnostics?: Diagnostic[] };
  code: { code?: string; diagnostics?: Diagnostic[] };
  summary: Report;
  paths: Report;
  derivation: Report;
}

export interface Report {
  text?: string;
  diagnostics?: Diagnostic[];
}

export interface Questions {
  open: { text: string; name: string };
  check: object;
  fixes: object;
  hover: { at: number };
  complete: { at: number };
  picture: PictureQuestion;
  code: object;
  summary: object;
  paths: object;
  derivation: object;
}

export interface PictureQuestion {
  network: string | null;
  view: string;
  legend: boolean;
  blocks: number | null;
  expand: boolean;
  /** At most; null for as wide as it is. */
  width: string | null;
  /** SVG, if nothing is said. */
  form?: "svg" | "tikz";
}

/** What the worker is told: first the files that `use` finds, then questions. */
export type ToWorker =
  | { files: Record<string, string> }
  | { id: number; question: string };

export type FromWorker =
  | { ready: string }
  | { loaded: number }
  | { broken: string }
  /** Python cannot be had from there. */
  | { absent: string }
  | { id: number; answer: string }
  | { id: number; fault: string };
