const KEY = 'sealslot-demo.theme';
const THEMES = ['System', 'Light', 'Dark'] as const;
type Theme = (typeof THEMES)[number];

/** Before the first paint: the document loads this module by itself. */
let theme = remembered();
show();

/** The button goes round: as the system has it, light, dark. */
export function watchThemeButton(button: HTMLElement, name: HTMLElement): void {
  const tell = (): void => {
    name.textContent = theme;
    // The eye has the icon for the rest, and on a phone for all of it.
    button.ariaLabel = `${theme} theme: change`;
  };
  tell();
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'System';
    tell();
    show();
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Storage is off in this browser: the choice lasts as long as the page.
    }
  });
}

function show(): void {
  if (theme === 'System') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme.toLowerCase();
}

function remembered(): Theme {
  try {
    return THEMES.find((each) => each === localStorage.getItem(KEY)) ?? 'System';
  } catch {
    return 'System';
  }
}
