// Denwa in web pages: sign-in, fresh tokens, and the `User` of Monaca Backend. Makes `window.denwa`; see docs/sdk.md.
(() => {
"use strict";

const { src, dataset } = document.currentScript ?? {}; // a module has none
const settings = { issuer: src && new URL(src).origin, scope: "openid offline_access" };

/** `code` is the server's word for what went wrong, or one of those in docs/sdk.md. */
class DenwaError extends Error {
  constructor(code, description = code, more) {
    super(description);
    Object.assign(this, { name: "DenwaError", code, description, data: {} }, more);
  }
}

/** A setting without which nothing goes on. */
function need(name) {
  if (!isSecureContext) throw new DenwaError("insecure_context");
  if (!settings[name]) throw new DenwaError("not_configured", `denwa.configure() must name ${name}`);
  return settings[name];
}

let session = null, oid = null; // Monaca's, in memory only: after a reload the login token brings another

// Asking the server

async function ask(path, body, headers) {
  const options = { method: body ? "POST" : "GET", body, headers, signal: AbortSignal.timeout?.(30_000) };
  const reply = await fetch(need("issuer") + path, options).catch(() => {
    throw new DenwaError("unreachable", "no answer; is this origin in cors_origins?");
  });
  const answer = await reply.json().catch(() => ({}));
  session = reply.headers.get("X-Set-Monaca-Cloud-Session") ?? session;
  if (reply.ok) return answer;
  const { error = `http_${reply.status}`, error_description: description } = answer;
  const retryAfter = Number(reply.headers.get("Retry-After")) || undefined; // seconds
  throw new DenwaError(error.code ?? error, error.description ?? error.message ?? description, { retryAfter });
}

const askJSON = (path, value) => ask(path, JSON.stringify(value), { "Content-Type": "application/json" });
const form = (fields) => new URLSearchParams(JSON.parse(JSON.stringify(fields)));

// Keeping

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const place = (what) => `denwa ${need("issuer")} ${need("clientID")} ${what}`;
const read = (what, storage = localStorage) => JSON.parse(storage.getItem(place(what))) ?? {};
const pending = () => read("login", sessionStorage); // a login under way, in this tab
const setPending = (login) => write("login", login, sessionStorage);

function write(what, value, storage = localStorage) {
  if (value) storage.setItem(place(what), JSON.stringify(value));
  else storage.removeItem(place(what));
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 100)); // in which writes reach the other tabs

/** Does `work` in one tab at a time. Without Web Locks by a lease: what it gets wrong, the server forgives. */
async function alone(what, work) {
  if (navigator.locks) return navigator.locks.request(place(what), () => work().finally(pause));
  const name = random();
  const lease = () => read(what);
  while (lease().name !== name) {
    if (!(lease().until > Date.now())) write(what, { name, until: Date.now() + 30_000 });
    await pause(); // of tabs that wrote at once, the last one has it
  }
  return work().finally(pause).finally(() => lease().name === name && write(what));
}

// Tokens

const listeners = new Set();
const announce = () => listeners.forEach(async (listener) => listener(signedIn()));
const signedIn = () => !!held().access_token;

function held() {
  const tokens = read("tokens");
  return tokens.refresh_token || Date.now() < tokens.expires ? tokens : {};
}

function hold(tokens) {
  write("tokens", tokens);
  announce(); // storage events reach other tabs alone
}

async function grant(fields) {
  const asked = Date.now();
  const tokens = await ask("/oauth2/token", form({ client_id: need("clientID"), ...fields }));
  return { ...tokens, expires: asked + 1000 * tokens.expires_in };
}

async function token({ refused } = {}) {
  await arrival?.catch(() => {});
  const good = (early) => {
    const { access_token, expires, expires_in } = held();
    const end = expires - early * Math.min(60_000, 250 * expires_in); // a minute early, or a quarter
    return access_token !== refused && Date.now() < end && access_token;
  };
  return good(1) || alone("renewal", async () => {
    if (!good(1)) await renew().catch((error) => {
      if (!good(0)) throw error;
    });
    if (!good(0)) throw new DenwaError("login_required");
    return good(0);
  });
}

async function renew() {
  const { refresh_token } = held();
  if (!refresh_token) return;
  // Meanwhile somebody may sign out, or in.
  const replace = (tokens) => held().refresh_token === refresh_token && hold(tokens);
  try {
    replace({ ...held(), ...(await grant({ grant_type: "refresh_token", refresh_token })) });
  } catch (error) {
    if (error.code !== "invalid_grant") throw error;
    replace();
  }
}

async function user() {
  const claims = async (how) => ask("/oauth2/userinfo", undefined, { Authorization: `Bearer ${await token(how)}` });
  return claims().catch((error) => {
    if (error.code !== "invalid_token") throw error;
    return claims({ refused: held().access_token }); // revoked before its time
  });
}

async function logout({ redirectURI } = {}) {
  const { access_token, refresh_token: token = access_token } = held();
  const client_id = need("clientID");
  hold();
  if (token) await ask("/oauth2/revoke", form({ client_id, token })).catch((error) => {
    if (!redirectURI) throw error;
  });
  // No id_token_hint, since tokens do not belong in addresses: the person is asked.
  const query = form({ client_id, post_logout_redirect_uri: redirectURI });
  if (redirectURI) location.assign(`${settings.issuer}/oauth2/end_session?${query}`);
}

// Signing in

/** What to ask the server with, and what to keep until its answer comes. */
async function begin({ scope = settings.scope, redirectURI: redirect_uri = settings.redirectURI, ...more }) {
  const [client_id, state, code_verifier] = [need("clientID"), random(), random()];
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(code_verifier));
  const query = form({
    ...more, response_type: "code", client_id, redirect_uri, scope, state,
    code_challenge: base64url(new Uint8Array(digest)), code_challenge_method: "S256",
  });
  return [query, { state, fields: { grant_type: "authorization_code", code_verifier, redirect_uri } }];
}

async function exchange(code, { fields, nonce }) {
  setPending();
  const tokens = await grant({ ...fields, code });
  if (nonce) { // TLS has signed it: it is from the token endpoint (OpenID Connect Core 3.1.3.7)
    const claims = JSON.parse(atob(tokens.id_token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
    const isOurs = claims.nonce === nonce && claims.iss === settings.issuer && claims.aud === settings.clientID;
    if (!isOurs) throw new DenwaError("bad_id_token");
  }
  hold(tokens);
}

async function signIn({ state: app, scope = settings.scope, ...more } = {}) {
  const nonce = /\bopenid\b/.test(scope) ? random() : undefined;
  const redirectURI = settings.redirectURI ?? location.origin + location.pathname;
  const [query, kept] = await begin({ redirectURI, ...more, scope, nonce });
  setPending({ ...kept, nonce, app });
  location.assign(`${settings.issuer}/oauth2/authorize?${query}`);
}

let arrival;
const handleRedirect = () => (arrival ??= arrive());

async function arrive() {
  const { code, state, iss, error, error_description } = Object.fromEntries(new URLSearchParams(location.search));
  const kept = pending();
  if (!state || state !== kept.state) return; // not ours
  setPending();
  history.replaceState(history.state, "", kept.fields.redirect_uri); // without the code
  if (iss !== settings.issuer) throw new DenwaError("wrong_issuer"); // RFC 9207
  if (error) throw new DenwaError(error, error_description);
  await exchange(code, kept);
  return { state: kept.app };
}

const phone = {
  async request(number, { sendLink, ...more } = {}) {
    const [query, kept] = await begin(more);
    const login = { phone_number: number.replace(/[\s().-]/g, ""), device_id: read("phone device").id };
    const link_url = sendLink === true ? `${settings.issuer}/login/link` : sendLink;
    const body = { ...login, send_link: !!link_url, link_url };
    const reply = await askJSON(`/oauth2/login/phone/request?${query}`, body);
    login.operation_id = reply.operation_id;
    setPending({ ...kept, login });
    return reply;
  },

  async confirm(code) {
    const kept = pending();
    if (!kept.login) throw new DenwaError("no_request", "denwa.phone.request() comes first");
    const path = `/oauth2/login/phone/confirm?${form({ client_id: settings.clientID })}`;
    const reply = await askJSON(path, { ...kept.login, code: String(code).trim() });
    write("phone device", { id: reply.device_id });
    await exchange(new URL(reply.login_url).searchParams.get("code"), kept);
  },
};

// Monaca

/** A promise with jQuery's done, fail and always; what `then` makes of it has them, too. */
class Answer extends Promise {
  done(act) { this.then(act, () => {}); return this; }
  fail(act) { this.catch(act); return this; }
  always(act) { this.then(act, act); return this; }
}

function forget(result) {
  session = oid = null;
  write("auto-login");
  return result;
}

const parameters = {
  register: "username password properties", validate: "username properties", unregister: "password",
  login: "username password", autoLogin: "loginToken", logout: "", updatePassword: "oldPassword newPassword",
  sendPasswordResetToken: "username options", resetPasswordAndLogin: "username newPassword token",
  getProperties: "names", saveProperties: "properties",
};

async function rpc(name, ...values) {
  const { id = random() } = read("device");
  write("device", { id });
  const params = { __api_key: need("monacaApiKey"), __device: id, __session: session ?? undefined };
  parameters[name].split(" ").forEach((key, index) => (params[key] = values[index]));
  const body = JSON.stringify({ jsonrpc: "2.0", method: `User.${name}`, params, id: "1" });
  const headers = { "Content-Type": "application/x-www-form-urlencoded" }; // the original's, without a preflight
  const { error, result } = await ask(`/monaca/${need("monacaBackend")}`, body, headers);
  if (error?.code === 11) session = oid = null; // ended elsewhere
  if (error) throw new DenwaError(error.code, error.message, error);
  const { user, loginToken } = result;
  if (user) oid = user._id;
  if (loginToken) write("auto-login", { loginToken });
  return result;
}

const special = {
  unregister: (password) => rpc("unregister", password).then(forget),
  // The token works once: tabs that start together take turns.
  autoLogin: () => alone("start", () => rpc("autoLogin", read("auto-login").loginToken ?? "")),
  logout: () => rpc("logout").finally(forget),
  getProperty: async (name) => (await special.getProperties([name]))[name],
  getProperties: async (names) => (await rpc("getProperties", names)).properties,
  saveProperty: (name, value) => rpc("saveProperties", { [name]: value }),
};

const User = { get _oid() { return oid; }, isAuthenticated: () => oid !== null };
for (const name in { ...parameters, ...special }) {
  const act = special[name] ?? ((...values) => rpc(name, ...values));
  User[name] = (...values) => new Answer((resolve) => resolve(act(...values)));
}

window.denwa = {
  signIn, signedIn, handleRedirect, phone, token, user, logout, User, DenwaError,
  configure(options) {
    Object.assign(settings, options);
    settings.clientID ??= settings.monacaBackend;
    if (settings.clientID) handleRedirect().catch(() => {}); // whoever wants to know calls it, too
  },
  onChange: (listener) => listeners.add(listener) && (() => listeners.delete(listener)),
  monaca: () => (((window.monaca ??= {}).cloud ??= {}).User = User),
};
addEventListener("storage", ({ key }) => settings.clientID && key === place("tokens") && announce());

const { clientId: clientID, redirectUri: redirectURI, ...more } = dataset ?? {};
if (src) denwa.configure({ clientID, redirectURI, ...more });
})();
