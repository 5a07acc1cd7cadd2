// In the chat page's frame it is known who is asked: the page leaves the name where its frames find it, tab by tab.
const select = document.querySelector("select[name=user]");
const me = (() => {
  try {
    return sessionStorage.getItem("kenar.me");
  } catch {
    return null;
  }
})();

if (select && window !== window.parent && [...select.options].some((option) => option.value === me)) {
  select.value = me;
  select.hidden = true;
  const name = document.createElement("strong");
  name.dir = "auto";
  name.textContent = me;
  select.after(name);
}
