/** What `sdk/denwa.js` makes. Reference: docs/sdk.md. */
export {};

declare global {
  const denwa: Denwa;

  interface Window {
    denwa: Denwa;
  }
}

export interface Denwa {
  /** Settings may come in several calls. The one that brings `clientID` also takes up an answer in the address. */
  configure(settings: Settings): void;

  /** Leaves for the sign-in pages. The answer comes to `redirectURI`, in a new load of the page. */
  signIn(options?: SignInOptions): Promise<void>;
  /** What came of the answer in this page's address: `undefined` when there was none of ours. */
  handleRedirect<State = unknown>(): Promise<{ state: State } | undefined>;
  phone: Phone;

  /** Whether there are tokens, or can be without the person. Asks nobody. */
  signedIn(): boolean;
  /** An access token that is good, renewed when it has to be. */
  token(options?: { /** One that an API answered with 401: another is got. */ refused?: string }): Promise<string>;
  /** The claims of userinfo. */
  user(): Promise<Person>;
  /** Forgets the tokens and ends them. With `redirectURI`, also leaves to end the session at the server. */
  logout(options?: { redirectURI?: string }): Promise<void>;
  /** Calls `listener` when somebody signs in or out, or tokens are renewed, in any tab. The answer stops that. */
  onChange(listener: (signedIn: boolean) => void): () => void;

  User: MonacaUser;
  /** Makes `User` be `monaca.cloud.User`. */
  monaca(): MonacaUser;

  DenwaError: typeof DenwaError;
}

export interface Settings {
  /** Origin of the server. Default: where the script comes from; an import has to name it. */
  issuer?: string;
  clientID?: string;
  /** Default: this page's address without query and fragment; at the phone login, the client's only one. */
  redirectURI?: string;
  /** Default: `openid offline_access`. */
  scope?: string;
  monacaBackend?: string;
  monacaApiKey?: string;
}

interface LoginOptions {
  scope?: string;
  redirectURI?: string;
  /** Languages of pages and text, best first, separated by spaces. */
  ui_locales?: string;
}

export interface SignInOptions extends LoginOptions {
  /** The app's own: whatever JSON can hold. It stays in this tab, and `handleRedirect` brings it back. */
  state?: unknown;
  prompt?: "none" | "login" | "consent" | "select_account";
  login_hint?: string;
  /** In seconds. */
  max_age?: number;
}

export interface PhoneOptions extends LoginOptions {
  /** A registered `link_uri`, or `true` for the server's own page. */
  sendLink?: boolean | string;
}

export interface Phone {
  /** Has a code texted to an international number. Again: another text for the same login. */
  request(number: string, options?: PhoneOptions): Promise<PhoneRequest>;
  /** Signs in with the code. */
  confirm(code: string | number): Promise<void>;
}

export interface PhoneRequest {
  operation_id: string;
  /** Seconds that the code lives. */
  expires_in: number;
  /** Seconds until another text may be asked for. */
  resend_after: number;
  code_length: number;
}

/** OpenID Connect Core 5.1; what the scope does not cover is absent. */
export interface Person {
  sub: string;
  phone_number?: string;
  phone_number_verified?: boolean;
  email?: string;
  email_verified?: boolean;
  name?: string;
  preferred_username?: string;
  locale?: string;
  updated_at?: number;
}

declare class DenwaError extends Error {
  /** The server's word, or one of the SDK's own; a number only from `User`. */
  code: string | number;
  description: string;
  /** Seconds, where the server says when to come back. */
  retryAfter?: number;
  /** From `User`: which parameter is wrong, and why. */
  data: Record<string, string>;
}
export type { DenwaError };

/** A promise that has jQuery's `done`, `fail` and `always`. */
export interface Answer<Value> extends Promise<Value> {
  done(act: (value: Value) => unknown): this;
  fail(act: (error: DenwaError) => unknown): this;
  always(act: (valueOrError: Value | DenwaError) => unknown): this;
  then<Result = Value, Other = never>(
    onValue?: ((value: Value) => Result | PromiseLike<Result>) | null,
    onError?: ((error: any) => Other | PromiseLike<Other>) | null,
  ): Answer<Result | Other>;
  catch<Other = never>(onError?: ((error: any) => Other | PromiseLike<Other>) | null): Answer<Value | Other>;
  finally(act?: (() => void) | null): Answer<Value>;
}

export interface MonacaAccount {
  _id: string;
  _username: string;
  /** In seconds since 1970, like the next. */
  _createdAt: number;
  _updateAt: number;
  [property: string]: unknown;
}

type Properties = Record<string, unknown>;
type Nothing = Record<string, never>;

export interface MonacaUser {
  /** The id of who is logged in. */
  readonly _oid: string | null;
  isAuthenticated(): boolean;
  register(username: string, password: string, properties?: Properties): Answer<Login>;
  validate(username: string, properties?: Properties): Answer<Nothing>;
  unregister(password: string): Answer<Nothing>;
  login(username: string, password: string): Answer<Login>;
  autoLogin(): Answer<Login>;
  logout(): Answer<Nothing>;
  updatePassword(oldPassword: string, newPassword: string): Answer<Nothing>;
  sendPasswordResetToken(
    username: string, options?: { emailPropertyName?: string; templateName?: string },
  ): Answer<Nothing>;
  resetPasswordAndLogin(username: string, newPassword: string, token: string): Answer<Login>;
  getProperty(name: string): Answer<any>;
  getProperties(names: string[]): Answer<Record<string, any>>;
  saveProperty(name: string, value: unknown): Answer<Nothing>;
  saveProperties(properties: Properties): Answer<Nothing>;
}

export interface Login {
  user: MonacaAccount;
  /** With auto-login on. The SDK keeps it by itself. */
  loginToken?: string;
}
