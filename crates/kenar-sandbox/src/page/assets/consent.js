// In the frame of the chat page, the person is known: the page stores the name in the tab's session storage.
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
