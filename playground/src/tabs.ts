/** Tabs and a splitter, for the mouse and for the keyboard. */

/** Tabs of a list; arrow keys go from one to the next. */
export function tabs(list: HTMLElement, chosen: (name: string) => void): (name: string) => void {
  const all = [...list.querySelectorAll<HTMLElement>("[role=tab]")];
  const choose = (name: string): void => {
    for (const tab of all) {
      const mine = tab.dataset["name"] === name;
      tab.setAttribute("aria-selected", String(mine));
      tab.tabIndex = mine ? 0 : -1;
      const panel = document.getElementById(tab.getAttribute("aria-controls") ?? "");
      if (panel) panel.hidden = !mine;
    }
    chosen(name);
  };
  for (const [number, tab] of all.entries()) {
    tab.addEventListener("click", () => choose(tab.dataset["name"] ?? ""));
    tab.addEventListener("keydown", (event) => {
      const steps: Record<string, number> = {
        ArrowRight: number + 1,
        ArrowLeft: number - 1,
        Home: 0,
        End: -1,
      };
      const to = steps[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = all.at(to % all.length);
      next?.focus();
      choose(next?.dataset["name"] ?? "");
    });
  }
  return choose;
}

/** The line between formula and results, which can be dragged and moved by arrows. */
export function splitter(line: HTMLElement, desk: HTMLElement): void {
  const set = (share: number): void => {
    const kept = Math.min(80, Math.max(20, share));
    desk.style.setProperty("--left", `${kept}%`);
    line.setAttribute("aria-valuenow", String(Math.round(kept)));
  };
  const now = (): number => Number(line.getAttribute("aria-valuenow"));
  line.addEventListener("keydown", (event) => {
    const steps: Record<string, number> = { ArrowLeft: -5, ArrowRight: 5 };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    set(now() + step);
  });
  line.addEventListener("pointerdown", (event) => {
    line.setPointerCapture(event.pointerId);
  });
  line.addEventListener("pointermove", (event) => {
    if (!line.hasPointerCapture(event.pointerId)) return;
    const box = desk.getBoundingClientRect();
    set(((event.clientX - box.left) / box.width) * 100);
  });
}
