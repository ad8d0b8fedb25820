// The demo of Denwa: an app in the browser that signs people in by redirect. It has two parts:
//
// 1. `OpenIDClient`, which speaks OpenID Connect. No library, and nothing of this page in it: copy it.
// 2. The page: its buttons, tokens made readable, the log of requests.
//
// "Core" is OpenID Connect Core 1.0.

// ---------------------------------------------------------------------------------------------- 1. OpenID Connect

/** A refusal by the server. `code` is the `error` of OAuth, the message its `error_description`. */
class OAuthError extends Error {
  constructor(code, description) {
    super(description || code);
    this.code = code;
  }
}

/** A public client: it has no secret, so PKCE is what ties the code to this tab. */
class OpenIDClient {
  #metadata;

  constructor({ issuer, clientID, redirectURI, postLogoutRedirectURI, fetch = window.fetch.bind(window) }) {
    Object.assign(this, { issuer, clientID, redirectURI, postLogoutRedirectURI, fetch });
  }

  /** The server's endpoints (OpenID Connect Discovery 1.0). */
  async metadata() {
    if (!this.#metadata) {
      const metadata = await this.#call(`${this.issuer}/.well-known/openid-configuration`);
      if (metadata.issuer !== this.issuer) {
        // Only a web address: the page makes a link of it.
        const issuer = /^https?:\/\//.test(metadata.issuer) ? metadata.issuer : undefined;
        throw Object.assign(new Error(`This server is ${metadata.issuer}, not ${this.issuer}.`), { issuer });
      }
      this.#metadata = metadata;
    }
    return this.#metadata;
  }

  /** Where to send the browser to sign in. What the answer must fit stays in this tab, in `sessionStorage`. */
  async signInURL({ scope, ...more }) {
    const { authorization_endpoint: endpoint } = await this.metadata();
    const pending = { scope, state: random(), nonce: random(), verifier: random() };
    sessionStorage.setItem("sign-in", JSON.stringify(pending));
    return urlWith(endpoint, {
      response_type: "code",
      client_id: this.clientID,
      redirect_uri: this.redirectURI,
      scope,
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: base64url(await sha256(pending.verifier)),
      code_challenge_method: "S256",
      ...more,
    });
  }

  /** Tokens for the answer in the address bar, or nothing when there is no answer in it. */
  async finishSignIn() {
    const answer = new URLSearchParams(location.search);
    if (!answer.has("code") && !answer.has("error")) return null;

    // A code is good for one try: it leaves the address bar and the history before it is used.
    history.replaceState(null, "", location.pathname);
    const pending = JSON.parse(sessionStorage.getItem("sign-in"));
    const isOurs = pending && answer.get("state") === pending.state;
    // Somebody else's link must not end the sign-in that is under way here.
    if (!isOurs) throw new Error("This answer is not for a sign-in of this tab.");
    sessionStorage.removeItem("sign-in");
    if (answer.get("iss") !== this.issuer) throw new Error("This answer comes from another server."); // RFC 9207
    if (answer.has("error")) throw new OAuthError(answer.get("error"), answer.get("error_description"));

    const reply = await this.#token({
      grant_type: "authorization_code",
      code: answer.get("code"),
      redirect_uri: this.redirectURI,
      code_verifier: pending.verifier,
    });
    const tokens = { scope: pending.scope, ...reply };
    if (tokens.id_token) tokens.claims = await this.#verify(tokens.id_token, pending.nonce);
    else if (tokens.scope.split(" ").includes("openid")) throw new Error("The ID token is missing.");
    return tokens;
  }

  /** New tokens. Store them before you use them: the old refresh token is spent. */
  async refresh(tokens) {
    const reply = await this.#token({ grant_type: "refresh_token", refresh_token: tokens.refresh_token });
    const renewed = { ...tokens, ...reply };
    if (reply.id_token) {
      renewed.claims = await this.#verify(reply.id_token);
      if (tokens.claims && renewed.claims.sub !== tokens.claims.sub) throw new Error("These tokens are somebody else's."); // Core 12.2
    }
    return renewed;
  }

  async userInfo(tokens) {
    const { userinfo_endpoint: endpoint } = await this.metadata();
    const person = await this.#call(endpoint, { headers: { Authorization: `Bearer ${tokens.access_token}` } });
    // Without an ID token there is nothing to compare with.
    if (tokens.claims && person.sub !== tokens.claims.sub) throw new Error("This answer is about somebody else."); // Core 5.3.2
    return person;
  }

  async revoke(token) {
    const { revocation_endpoint: endpoint } = await this.metadata();
    await this.#post(endpoint, { client_id: this.clientID, token });
  }

  /** Where to send the browser to end the session at the server (OpenID Connect RP-Initiated Logout 1.0). */
  async signOutURL(tokens) {
    const { end_session_endpoint: endpoint } = await this.metadata();
    const state = random();
    sessionStorage.setItem("sign-out", state);
    return urlWith(endpoint, {
      id_token_hint: tokens.id_token,
      client_id: this.clientID,
      post_logout_redirect_uri: this.postLogoutRedirectURI,
      state,
    });
  }

  /** Whether the browser just came back from there. */
  finishSignOut() {
    const state = new URLSearchParams(location.search).get("state");
    if (!state || state !== sessionStorage.getItem("sign-out")) return false;
    sessionStorage.removeItem("sign-out");
    history.replaceState(null, "", location.pathname);
    return true;
  }

  /** The claims of a good ID token (Core 3.1.3.7). */
  async #verify(token, nonce) {
    const { header, claims, signature, signed } = decodeJWT(token);
    const { keys } = await this.#call((await this.metadata()).jwks_uri);
    const jwk = keys.find((key) => key.kid === header.kid);
    if (header.alg !== "ES256" || jwk?.crv !== "P-256") throw new Error("The ID token's key is unknown.");
    const key = await crypto.subtle.importKey("jwk", jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
    const audiences = [claims.aud].flat();
    const checks = {
      signature: await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature, signed),
      iss: claims.iss === this.issuer,
      aud: audiences.includes(this.clientID) && (audiences.length === 1 || claims.azp === this.clientID),
      exp: Date.now() / 1000 < claims.exp + 60, // a clock may be a minute slow
      nonce: nonce === undefined || claims.nonce === nonce, // a refresh has none
    };
    const failed = Object.keys(checks).filter((name) => !checks[name]);
    if (failed.length) throw new Error(`The ID token is not good: ${failed.join(", ")}.`);
    return claims;
  }

  async #token(form) {
    const { token_endpoint: endpoint } = await this.metadata();
    return this.#post(endpoint, { client_id: this.clientID, ...form });
  }

  #post(url, form) {
    return this.#call(url, { method: "POST", body: new URLSearchParams(form) });
  }

  async #call(url, options) {
    const reply = await this.fetch(url, { credentials: "omit", cache: "no-store", redirect: "error", ...options });
    const body = await reply.json().catch(() => ({}));
    if (reply.ok) return body;
    const challenge = /error="([^"]*)"/.exec(reply.headers.get("WWW-Authenticate")); // RFC 6750
    throw new OAuthError(body.error ?? challenge?.[1] ?? `HTTP ${reply.status}`, body.error_description);
  }
}

/** 256 random bits. */
function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function sha256(text) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function bytesOf(base64url) {
  const binary = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** The parts of a JWT, unchecked. */
function decodeJWT(token) {
  const [head, body, signature] = token.split(".");
  const [header, claims] = [head, body].map((part) => JSON.parse(new TextDecoder().decode(bytesOf(part))));
  return { header, claims, signature: bytesOf(signature), signed: new TextEncoder().encode(`${head}.${body}`) };
}

/** `base` with a query. Empty parameters are left out. */
function urlWith(base, parameters) {
  const url = new URL(base);
  for (const [name, value] of Object.entries(parameters)) if (value) url.searchParams.set(name, value);
  return url.href;
}

// ----------------------------------------------------------------------------------------------------- 2. The page

const client = new OpenIDClient({
  issuer: location.origin,
  clientID: "demo-app",
  redirectURI: `${location.origin}/demo`,
  postLogoutRedirectURI: `${location.origin}/demo`,
  fetch: loggedFetch,
});

/** What the app holds. `sessionStorage` keeps it over a reload of this tab, and forgets it with the tab. */
let tokens = JSON.parse(sessionStorage.getItem("tokens"));

function hold(newTokens) {
  tokens = newTokens;
  if (tokens) sessionStorage.setItem("tokens", JSON.stringify(tokens));
  else sessionStorage.removeItem("tokens");
}

/** What the buttons do. Each returns what there is to say, or throws. */
const acts = {
  async signIn() {
    const choices = new FormData($("start"));
    leave(await client.signInURL({
      scope: choices.getAll("scope").join(" "),
      prompt: choices.get("prompt"),
      ui_locales: choices.get("ui_locales"),
    }));
  },

  async userInfo() {
    const person = await client.userInfo(tokens);
    $("name").textContent = person.name ?? person.phone_number ?? person.email ?? "Hello";
    return [json(person)];
  },

  async refresh() {
    hold(await client.refresh(tokens));
    showTokens();
    return [words("good", "New tokens are here. The refresh token before them is spent.")];
  },

  /** What a resource server does, with its secret. An app in a browser has none. */
  async introspect() {
    const form = new FormData($("introspect"));
    const { introspection_endpoint: endpoint } = await client.metadata();
    const credentials = ["client_id", "client_secret"].map((name) => encodeURIComponent(form.get(name))).join(":");
    const reply = await loggedFetch(endpoint, {
      method: "POST",
      headers: { Authorization: `Basic ${btoa(credentials)}` },
      body: new URLSearchParams({ token: tokens[form.get("token")] }),
      credentials: "omit",
    });
    const body = await reply.json();
    if (!reply.ok) throw new OAuthError(body.error, body.error_description);
    const verdict = body.active
      ? words("good", "The token is good.")
      : words("bad", "The token is not active: it is expired, revoked, or not meant for this API.");
    return [verdict, json(body)];
  },

  async revokeAccess() {
    await client.revoke(tokens.access_token);
    return [words("good", "The access token is dead. Introspect it: Denwa says so at once. An API that only checks the "
      + "signature takes it until it expires.")];
  },

  async revokeRefresh() {
    await client.revoke(tokens.refresh_token);
    return [words("good", "All tokens of this sign-in are dead. Introspect one, or refresh.")];
  },

  /** Tokens outlive the session at the server, so they are revoked as well. */
  async signOut() {
    await client.revoke(tokens.refresh_token ?? tokens.access_token).catch(console.error);
    const url = await client.signOutURL(tokens);
    hold(null);
    leave(url);
  },
};

/** Runs an act, one at a time for each button, and shows what it says in `place`. */
async function run(name, place, button) {
  if (button?.ariaBusy) return;
  if (button) button.ariaBusy = "true";
  for (const answer of document.querySelectorAll(".answer[role]")) answer.replaceChildren(); // they were about before
  try {
    const said = await acts[name]();
    if (said) place.replaceChildren(...said);
  } catch (error) {
    place.hidden = false;
    place.replaceChildren(refusal(error));
  } finally {
    if (button) button.ariaBusy = null;
  }
}

/** The browser goes to the server. It comes back to this page, which then starts anew. */
function leave(url) {
  log.add({ method: "GET", url, note: "The browser goes there." });
  location.assign(url);
}

// What is seen.

const $ = (id) => document.getElementById(id);

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const words = (className, text) => element("p", { className }, text);

const REFUSALS = {
  access_denied: "The app got nothing, because you said no.",
  login_required: "Nobody is signed in, and prompt=none let Denwa show no page to change that.",
  consent_required: "Denwa has to ask what may be shared, and prompt=none let it show no page.",
  interaction_required: "Denwa has to ask something, and prompt=none let it show no page.",
  account_selection_required: "Denwa has to ask who you are, and prompt=none let it show no page.",
  invalid_scope: "This app may not ask for one of these scopes.",
  invalid_request: "The request is not right.",
  invalid_client: "There is no such client, or the secret is wrong.",
  invalid_grant: "This token works no longer: it is spent, expired or revoked. Sign in again.",
  invalid_token: "The access token works no longer: it is expired or revoked. Refresh, or sign in again.",
  insufficient_scope: "The access token lacks the scope for this.",
  unauthorized_client: "This app is not registered for this.",
  temporarily_unavailable: "That was too often. Try again a little later.",
  server_error: "The server cannot answer. Try again a little later.",
};

function refusal(error) {
  if (!error.code) console.error(error);
  const unreachable = error instanceof TypeError && "The server cannot be reached.";
  const text = words("bad", REFUSALS[error.code] ?? (unreachable || error.message));
  if (error.code) {
    const description = error.message === error.code ? "" : `: ${error.message}`;
    text.append(element("small", {}, element("code", {}, error.code), description));
  }
  if (error.issuer) text.append(" ", element("a", { href: `${error.issuer}/demo` }, "Open the demo there"));
  return text;
}

function show() {
  $("start").hidden = Boolean(tokens);
  $("home").hidden = !tokens;
  document.title = tokens ? "Signed in · Denwa demo" : "Denwa demo";
  if (tokens) showTokens();
}

function showTokens() {
  const access = decodeJWT(tokens.access_token);
  $("subject").textContent = access.claims.sub;
  $("access-token").replaceChildren(...opened(access));

  $("identity").hidden = !tokens.id_token;
  if (tokens.id_token) {
    const identity = decodeJWT(tokens.id_token);
    const checks = ["signature", "iss", "aud", "exp", ...("nonce" in identity.claims ? ["nonce"] : [])];
    $("checks").replaceChildren(...checks.map((check) => element("li", { className: "good" }, check)));
    $("id-token").replaceChildren(...opened(identity));
  }

  const canRefresh = Boolean(tokens.refresh_token);
  $("refresh-token").hidden = $("revoke-refresh").hidden = !canRefresh;
  $("no-refresh").hidden = canRefresh;
  $("introspect").elements.token.options[1].disabled = !canRefresh;
  $("refresh-value").textContent = shortened(tokens.refresh_token ?? "");
  countDown();
}

const opened = ({ header, claims }) => [
  element("h4", {}, "header"), json(header),
  element("h4", {}, "claims"), json(claims),
];

/** JSON with colours, and with times as people read them. */
function json(value) {
  const block = element("pre");
  const write = (value, indent) => {
    if (value === null || typeof value !== "object") {
      block.append(element("span", { className: typeof value }, JSON.stringify(value)));
      return;
    }
    const isList = Array.isArray(value);
    const [open, close] = isList ? "[]" : "{}";
    const inOneLine = isList && value.every((item) => typeof item !== "object");
    block.append(open);
    Object.entries(value).forEach(([name, item], index, { length }) => {
      block.append(inOneLine ? "" : `\n${indent}  `);
      if (!isList) block.append(element("span", { className: "name" }, JSON.stringify(name)), ": ");
      write(item, `${indent}  `);
      block.append(index === length - 1 ? "" : inOneLine ? ", " : ",");
      if (TIMES.has(name)) block.append(element("span", { className: "remark" }, ` ${time(item)}`));
    });
    block.append(inOneLine ? "" : `\n${indent}`, close);
  };
  write(value, "");
  return block;
}

const TIMES = new Set(["exp", "iat", "nbf", "auth_time", "updated_at"]);
const time = (seconds) => new Date(seconds * 1000).toLocaleTimeString();

function countDown() {
  for (const place of document.querySelectorAll("[data-expiry]")) {
    const token = tokens?.[place.dataset.expiry];
    if (!token) continue;
    const left = Math.ceil(decodeJWT(token).claims.exp - Date.now() / 1000);
    const clock = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
    place.textContent = left > 0 ? `${clock.map((part) => String(part).padStart(2, "0")).join(":")} left` : "expired";
    place.classList.toggle("over", left <= 0);
  }
}

// The log of requests. It is kept over the way to the server and back, with its tokens shortened.

const SECRETS = new Set([
  "code", "code_verifier", "token", "access_token", "refresh_token", "id_token", "id_token_hint",
]);
const shortened = (text) => (text.length > 16 ? `${text.slice(0, 8)}…${text.slice(-4)}` : text);
const short = (name, value) => {
  if (typeof value !== "string" || /^https?:/.test(value)) return value;
  return SECRETS.has(name) ? shortened(value) : value.replace(/\S{37,}/g, shortened);
};

const log = {
  entries: JSON.parse(sessionStorage.getItem("log")) ?? [],

  add({ method, url, sent = [], note }) {
    const { pathname, searchParams } = new URL(url);
    const parameters = [...searchParams, ...sent].map(([name, value]) => [name, short(name, value)]);
    const entry = { method, path: pathname, parameters, note, at: new Date().toLocaleTimeString() };
    this.entries = [...this.entries, entry].slice(-40);
    this.show();
    return entry;
  },

  clear() {
    this.entries = [];
    this.show();
  },

  show() {
    sessionStorage.setItem("log", JSON.stringify(this.entries));
    const opened = new Set([...document.querySelectorAll("#log details[open]")].map((details) => details.entry));
    $("log").replaceChildren(...this.entries.toReversed().map((entry) => this.line(entry, opened.has(entry))));
  },

  line(entry, open) {
    const failed = entry.status === "failed" || entry.status >= 400;
    const details = element("details", { entry, open },
      element("summary", {},
        element("b", {}, entry.method), " ", element("code", {}, entry.path), " ",
        element("span", { className: failed ? "status bad" : "status" }, entry.status ?? "→")),
      element("p", { className: "soft" }, [entry.at, entry.note].filter(Boolean).join(" · ")),
      element("dl", {}, ...entry.parameters.flatMap(([name, value]) => [
        element("dt", {}, name), element("dd", {}, value),
      ])));
    if (entry.answer) details.append(json(entry.answer));
    return element("li", {}, details);
  },
};

async function loggedFetch(url, options = {}) {
  const entry = log.add({
    method: options.method ?? "GET",
    url,
    sent: [...Object.entries(options.headers ?? {}), ...(options.body ?? [])],
  });
  entry.status = "…";
  try {
    const reply = await fetch(url, options);
    entry.status = reply.status;
    const text = await reply.clone().text();
    if (/json/.test(reply.headers.get("Content-Type"))) entry.answer = JSON.parse(text, short);
    return reply;
  } catch (error) {
    entry.status = "failed";
    throw error;
  } finally {
    log.show();
  }
}

// The choices before signing in, kept over the way to the server and back.

function showChoices() {
  const choices = new FormData($("start"));
  sessionStorage.setItem("choices", JSON.stringify([...choices]));
  $("chosen").textContent = [...choices.values()].filter(Boolean).join(" ");
}

function restoreChoices() {
  const kept = JSON.parse(sessionStorage.getItem("choices"));
  for (const control of kept ? $("start").elements : []) {
    const values = kept.filter(([name]) => name === control.name).map(([, value]) => value);
    if (control.type === "checkbox") control.checked = values.includes(control.value);
    else if (control.name) control.value = values[0];
  }
  showChoices();
}

// The start.

document.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target.id === "start") run("signIn", $("problem"), event.submitter);
  if (event.target.id === "introspect") run("introspect", $("introspect-answer"), event.submitter);
});

document.addEventListener("click", async ({ target }) => {
  const { act, copy } = target.dataset;
  if (act) run(act, target.closest("article")?.querySelector(".answer") ?? $("problem"), target);
  if (copy) {
    await navigator.clipboard.writeText(tokens[copy]);
    target.firstChild.data = "Copied";
    setTimeout(() => (target.firstChild.data = "Copy"), 2000);
  }
});

$("start").addEventListener("change", showChoices);
$("clear").addEventListener("click", () => log.clear());
setInterval(countDown, 1000);

restoreChoices();
log.show();
try {
  if (!isSecureContext) throw new Error("Browsers give cryptography to https pages and to localhost only.");
  if (location.search) log.add({ method: "GET", url: location.href, note: "The browser comes back." });
  if (client.finishSignOut()) $("news").hidden = false;
  const arrived = await client.finishSignIn();
  if (arrived) hold(arrived);
  await client.metadata();
} catch (error) {
  $("problem").hidden = false;
  $("problem").replaceChildren(refusal(error));
}
show();
if (tokens?.id_token) run("userInfo", $("userinfo"));
