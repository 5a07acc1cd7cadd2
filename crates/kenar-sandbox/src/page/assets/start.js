// Before anything is painted: the language and the theme that were chosen last.
(() => {
  const root = document.documentElement;
  const chosen = (name) => {
    try {
      return localStorage.getItem(`kenar.${name}`);
    } catch {
      return null; // Storage is switched off in this browser.
    }
  };
  const language = chosen("language") === "en" ? "en" : "fa";
  root.lang = language;
  root.dir = language === "fa" ? "rtl" : "ltr";
  const theme = chosen("theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
})();
