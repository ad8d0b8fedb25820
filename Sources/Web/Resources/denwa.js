(() => {
  const find = (selector) => document.querySelector(selector);
  const each = (selector, run) => document.querySelectorAll(selector).forEach(run);
  const live = find(".sr");

  // One submission at a time. The button stays enabled, or its value would not be sent.
  let timer;
  const free = () => {
    clearTimeout(timer);
    each("[aria-busy]", (element) => element.removeAttribute("aria-busy"));
  };
  document.addEventListener("submit", (event) => {
    if (find("form[aria-busy]")) return event.preventDefault();
    event.target.setAttribute("aria-busy", "true");
    event.submitter?.setAttribute("aria-busy", "true");
    // The answer may open an app and leave this page as it is.
    timer = setTimeout(free, 10000);
  });
  addEventListener("pageshow", free);

  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  const clock = (seconds) => seconds < 3600
    ? `${Math.floor(seconds / 60)}:${two(seconds % 60)}`
    : `${Math.floor(seconds / 3600)}:${two(seconds / 60 % 60)}:${two(seconds % 60)}`;

  each("[data-seconds]", (element) => {
    const { seconds, template, done } = element.dataset;
    const end = Date.now() + seconds * 1000;
    const button = element.matches("button") ? element : find("#go");
    const after = done ?? element.textContent;
    const tick = () => {
      const left = end - Date.now();
      button.disabled = left > 0;
      if (left > 0) {
        element.textContent = template.replace("{time}", clock(Math.ceil(left / 1000)));
        setTimeout(tick, left % 1000 || 1000);
      } else {
        element.textContent = live.textContent = after;
        element.classList.replace("problem", "soft");
      }
    };
    // Only the end is read aloud, not every second.
    element.setAttribute("aria-live", "off");
    if (seconds > 0) tick();
  });

  each("[data-code]", (input) => {
    const length = input.maxLength;
    let sent;
    const read = (event) => {
      if (event?.isComposing) return;
      // ASCII, Arabic, Persian, full-width: the low four bits are the digit.
      const code = (input.value.match(/[0-9\u0660-\u0669\u06f0-\u06f9\uff10-\uff19]/g) ?? [])
        .map((digit) => digit.charCodeAt() & 15).join("").slice(0, length);
      if (code !== input.value) input.value = code;
      if (code.length < length || code === sent) return;
      sent = code;
      find("#go").click();
    };
    // Room for a pasted "123 456": cut only after its space is gone.
    input.removeAttribute("maxlength");
    input.addEventListener("input", read);
    input.addEventListener("compositionend", read);

    if (!("OTPCredential" in window)) return;
    const abort = new AbortController();
    document.addEventListener("submit", () => abort.abort());
    navigator.credentials.get({ otp: { transport: ["sms"] }, signal: abort.signal }).then((otp) => {
      input.value = otp.code;
      read();
    }, () => {});
  });

  each("[data-wait]", async (form) => {
    const note = form.querySelector("p");
    let state = "waiting";
    // From here on the page does what the button is for.
    form.querySelector("button").remove();
    note.textContent += " " + form.dataset.waiting;
    while (state === "waiting") {
      let pause = 0;
      try {
        const reply = await fetch(form.dataset.wait, { cache: "no-store" });
        if (reply.ok) ({ state } = await reply.json());
        else pause = parseInt(reply.headers.get("retry-after")) || 3;
      } catch {
        pause = 3;
      }
      await new Promise((next) => setTimeout(next, pause * 1000));
    }
    if (state === "approved") return form.requestSubmit();
    const text = form.dataset[state];
    if (!text) return form.remove();
    each(state === "finished" ? "main form, main a, #sent" : "main form, #sent", (element) => element.remove());
    find("h1").textContent = live.textContent = document.title = text;
  });

  each("time", (time) => {
    time.textContent = new Date(time.dateTime)
      .toLocaleTimeString(document.documentElement.lang, { hour: "numeric", minute: "2-digit" });
  });

  // A number with its own country code needs no country.
  each("[data-dims]", (input) => {
    const dim = () => find("#" + input.dataset.dims).classList.toggle("dim", /^\s*([+\uff0b]|00)/.test(input.value));
    input.addEventListener("input", dim);
    dim();
  });

  each("[data-submit]", (form) => form.requestSubmit());
})();
