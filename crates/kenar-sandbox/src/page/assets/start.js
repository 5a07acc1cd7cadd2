// Restores the chosen language and theme before the first paint.
(() => {
  const root = document.documentElement;
  const chosen = (name) => {
    try {
      return localStorage.getItem(`kenar.${name}`);
    } catch {
      return null; // This browser has no storage.
    }
  };
  const language = chosen("language") === "en" ? "en" : "fa";
  root.lang = language;
  root.dir = language === "fa" ? "rtl" : "ltr";
  const theme = chosen("theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
})();
