// Signs players in at a Denwa server: number, code, tokens. One file, nothing but Unity. See README.md beside it.

using System;
using System.Collections.Generic;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Tasks;
using UnityEngine;
using UnityEngine.Networking;

namespace Denwa
{
    /// <summary>How number and code travel.</summary>
    public enum SignInFlow
    {
        /// <summary>Denwa's phone login: for every client that may use it.</summary>
        PhoneLogin,

        /// <summary>OAuth 2.0 for First-Party Applications: for clients registered as <c>first_party</c>.</summary>
        Challenge,
    }

    /// <summary>Keeps short secrets over restarts of the game, where only the game reads them.</summary>
    public interface ISecretStore
    {
        /// <summary>What was kept under the name; null or empty when there is nothing.</summary>
        string Read(string name);

        /// <summary>Keeps the value in place of what was there. Null forgets it.</summary>
        void Write(string name, string value);
    }

    /// <summary>Keeps secrets in PlayerPrefs. That is plain text: whoever reads the player's files can sign in.</summary>
    public sealed class PlayerPrefsStore : ISecretStore
    {
        public string Read(string name) => PlayerPrefs.GetString(name, "");

        public void Write(string name, string value)
        {
            if (value == null) PlayerPrefs.DeleteKey(name);
            else PlayerPrefs.SetString(name, value);
            PlayerPrefs.Save();
        }
    }

    /// <summary>A refusal of the server, or no answer at all.</summary>
    public sealed class DenwaException : Exception
    {
        /// <summary>The server's word, <c>003-039</c> or <c>invalid_grant</c>; or <c>unreachable</c>,
        /// <c>login_required</c>, <c>wrong_answer</c>, or <c>http_502</c> and the like.</summary>
        public string Code { get; }

        /// <summary>Seconds after which to come back; 0 when the server does not say.</summary>
        public int RetryAfter { get; }

        public DenwaException(string code, string message, int retryAfter = 0) : base(message)
        {
            Code = code;
            RetryAfter = retryAfter;
        }

        /// <summary>The code is wrong, and another try may be right.</summary>
        public bool IsWrongCode => Code == "003-039" || Code == "insufficient_authorization";
    }

    /// <summary>A sign-in that waits for its code.</summary>
    public sealed class PendingSignIn
    {
        public string PhoneNumber { get; internal set; }
        public SignInFlow Flow { get; internal set; }
        public int CodeLength { get; internal set; }
        public DateTime ExpiresAt { get; internal set; }
        public DateTime ResendAt { get; internal set; }

        internal string Handle; // operation_id, or auth_session
        internal string Verifier;
        internal string State;
    }

    /// <summary>The login of one player. Make one, and call it from the main thread.</summary>
    public sealed class DenwaClient
    {
        private readonly string issuer, clientId, scope, redirectUri;
        private readonly ISecretStore store;
        private Task<string> renewal;

        /// <param name="issuer">The server, without a slash at the end.</param>
        /// <param name="redirectUri">Only when the client has several.</param>
        public DenwaClient(
            string issuer, string clientId, ISecretStore store, string scope = "openid offline_access",
            string redirectUri = null)
        {
            var address = new Uri(issuer);
            if (address.Scheme != "https" && !address.IsLoopback)
                throw new ArgumentException("the server must be https, or on this machine", nameof(issuer));
            this.issuer = issuer.TrimEnd('/');
            this.clientId = clientId;
            this.store = store;
            this.scope = scope;
            this.redirectUri = redirectUri;
        }

        /// <summary>Whether somebody is signed in, as far as this device knows.</summary>
        public bool IsSignedIn
        {
            get
            {
                var held = Held();
                return held != null && (!string.IsNullOrEmpty(held.refresh_token) || Now < held.expires_at);
            }
        }

        /// <summary>Called when somebody signed in or out, or the server ended the login.</summary>
        public event Action<bool> SignedInChanged;

        // Signing in

        /// <summary>Texts a code to a number with + and country code.</summary>
        public async Task<PendingSignIn> RequestCode(string phoneNumber, SignInFlow flow = SignInFlow.PhoneLogin)
        {
            var pending = new PendingSignIn
            {
                PhoneNumber = Digits(phoneNumber, " ().-"), Flow = flow, Verifier = RandomText(), State = RandomText(),
            };
            var query = new Dictionary<string, string>
            {
                ["response_type"] = "code", ["client_id"] = clientId, ["scope"] = scope, ["redirect_uri"] = redirectUri,
                ["code_challenge"] = Base64Url(Sha256(pending.Verifier)), ["code_challenge_method"] = "S256",
            };
            if (flow == SignInFlow.PhoneLogin)
            {
                query["state"] = pending.State;
                var body = new PhoneRequest { phone_number = pending.PhoneNumber, device_id = DeviceId(pending) };
                var reply = await Send("/oauth2/login/phone/request?" + Form(query), JsonUtility.ToJson(body), true);
                return Begun(pending, Parse<Challenge>(PhoneAnswer(reply)));
            }
            query["login_hint"] = pending.PhoneNumber;
            query["device_id"] = DeviceId(pending);
            return Begun(pending, await AskChallenge(query));
        }

        /// <summary>Texts the code again, from <c>ResendAt</c> on. Use what it returns.</summary>
        public async Task<PendingSignIn> ResendCode(PendingSignIn pending)
        {
            if (pending.Flow == SignInFlow.PhoneLogin) return await RequestCode(pending.PhoneNumber);
            return Begun(pending, await AskChallenge(new Dictionary<string, string>
            {
                ["client_id"] = clientId, ["auth_session"] = pending.Handle, ["resend"] = "true",
            }));
        }

        /// <summary>Signs in with the code that the player typed.</summary>
        public async Task Confirm(PendingSignIn pending, string code)
        {
            code = Digits(code, " ");
            var authorizationCode = pending.Flow == SignInFlow.PhoneLogin
                ? await ConfirmPhoneLogin(pending, code)
                : await AnswerChallenge(pending, code);
            Hold(await Grant(new Dictionary<string, string>
            {
                ["grant_type"] = "authorization_code", ["code"] = authorizationCode,
                ["code_verifier"] = pending.Verifier, ["redirect_uri"] = redirectUri,
            }));
            SignedInChanged?.Invoke(true);
        }

        private async Task<string> ConfirmPhoneLogin(PendingSignIn pending, string code)
        {
            var body = new PhoneConfirm
            {
                operation_id = pending.Handle, phone_number = pending.PhoneNumber, code = code,
                device_id = DeviceId(pending),
            };
            var path = "/oauth2/login/phone/confirm?" + Form(new Dictionary<string, string> { ["client_id"] = clientId });
            var confirmed = Parse<Confirmed>(PhoneAnswer(await Send(path, JsonUtility.ToJson(body), true)));
            store.Write(Name("device " + pending.PhoneNumber), confirmed.device_id);
            if (Parameter(confirmed.login_url, "state") != pending.State)
                throw new DenwaException("wrong_answer", "the answer is not for this sign-in");
            return Parameter(confirmed.login_url, "code");
        }

        private async Task<string> AnswerChallenge(PendingSignIn pending, string code)
        {
            var form = new Dictionary<string, string>
            {
                ["client_id"] = clientId, ["auth_session"] = pending.Handle, ["otp"] = code,
            };
            var answered = Parse<Answered>(Answer(await Send("/oauth2/challenge", Form(form), false)));
            store.Write(Name("device " + pending.PhoneNumber), answered.device_id);
            return answered.authorization_code;
        }

        // What is missing for a code, the endpoint answers as an error: insufficient_authorization is the way on.
        private async Task<Challenge> AskChallenge(Dictionary<string, string> form)
        {
            var reply = await Send("/oauth2/challenge", Form(form), false);
            var challenge = Parse<Challenge>(reply.Body);
            if (challenge.error != "insufficient_authorization") Answer(reply);
            return challenge;
        }

        private static PendingSignIn Begun(PendingSignIn pending, Challenge challenge) => new PendingSignIn
        {
            PhoneNumber = pending.PhoneNumber, Flow = pending.Flow, Verifier = pending.Verifier, State = pending.State,
            Handle = string.IsNullOrEmpty(challenge.auth_session) ? challenge.operation_id : challenge.auth_session,
            CodeLength = challenge.code_length,
            ExpiresAt = DateTime.UtcNow.AddSeconds(challenge.expires_in),
            ResendAt = DateTime.UtcNow.AddSeconds(challenge.resend_after),
        };

        private string DeviceId(PendingSignIn pending) => store.Read(Name("device " + pending.PhoneNumber)) ?? "";

        // Tokens

        /// <summary>An access token that is good for a while: ask before each call to your API, which takes it as
        /// <c>Authorization: Bearer …</c>. All who ask at once share one renewal.</summary>
        /// <param name="refused">A token that the API took for dead.</param>
        public async Task<string> AccessToken(string refused = null)
        {
            var held = Held() ?? throw SignedOut();
            if (held.access_token != refused && Now < held.expires_at - Math.Min(60, held.expires_in / 4))
                return held.access_token;
            if (renewal == null || renewal.IsCompleted) renewal = Renew(held);
            try
            {
                return await renewal;
            }
            catch (DenwaException) when (Held()?.access_token == held.access_token && held.access_token != refused
                && Now < held.expires_at)
            {
                return held.access_token; // renewal begins early, so that the rest of the token bridges an outage
            }
        }

        private async Task<string> Renew(Tokens held)
        {
            if (string.IsNullOrEmpty(held.refresh_token)) throw SignedOut();
            var form = new Dictionary<string, string>
            {
                ["grant_type"] = "refresh_token", ["refresh_token"] = held.refresh_token,
            };
            Tokens fresh;
            try
            {
                try
                {
                    fresh = await Grant(form);
                }
                catch (DenwaException error) when (error.Code == "unreachable")
                {
                    fresh = await Grant(form); // the answer may be lost: for a moment the same token brings the same one
                }
            }
            catch (DenwaException error) when (
                error.Code == "invalid_grant" || error.Code == "insufficient_authorization")
            {
                if (Held()?.refresh_token == held.refresh_token) Forget();
                throw SignedOut();
            }
            if (Held()?.refresh_token != held.refresh_token) throw SignedOut(); // or signed in anew meanwhile
            if (string.IsNullOrEmpty(fresh.refresh_token)) fresh.refresh_token = held.refresh_token;
            Hold(fresh);
            return fresh.access_token;
        }

        /// <summary>Forgets the tokens, and then revokes them. Throws when the server could not be told; this device is
        /// signed out all the same.</summary>
        public async Task SignOut()
        {
            var held = Held();
            if (held == null) return;
            Forget();
            Answer(await Send("/oauth2/revoke", Form(new Dictionary<string, string>
            {
                ["client_id"] = clientId,
                ["token"] = string.IsNullOrEmpty(held.refresh_token) ? held.access_token : held.refresh_token,
            }), false));
        }

        private async Task<Tokens> Grant(Dictionary<string, string> form)
        {
            form["client_id"] = clientId;
            var asked = Now;
            var tokens = Parse<Tokens>(Answer(await Send("/oauth2/token", Form(form), false)));
            tokens.expires_at = asked + tokens.expires_in;
            return tokens;
        }

        private Tokens Held()
        {
            var kept = store.Read(Name("tokens"));
            return string.IsNullOrEmpty(kept) ? null : JsonUtility.FromJson<Tokens>(kept);
        }

        private void Hold(Tokens tokens) => store.Write(Name("tokens"), JsonUtility.ToJson(tokens));

        private void Forget()
        {
            store.Write(Name("tokens"), null);
            SignedInChanged?.Invoke(false);
        }

        private static DenwaException SignedOut() => new DenwaException("login_required", "nobody is signed in");

        private string Name(string what) => "denwa " + issuer + " " + clientId + " " + what;

        // On the wire

        private struct Reply
        {
            public long Status;
            public string Body;
            public int RetryAfter;
            public bool IsSuccess => Status >= 200 && Status < 300;
        }

        private Task<Reply> Send(string path, string body, bool isJson)
        {
            var done = new TaskCompletionSource<Reply>();
            var request = new UnityWebRequest(issuer + path, "POST")
            {
                uploadHandler = new UploadHandlerRaw(Encoding.UTF8.GetBytes(body)),
                downloadHandler = new DownloadHandlerBuffer(),
                timeout = 30,
                redirectLimit = 0,
            };
            request.SetRequestHeader(
                "Content-Type", isJson ? "application/json" : "application/x-www-form-urlencoded");
            request.SetRequestHeader("Accept", "application/json");
            request.SendWebRequest().completed += _ =>
            {
                using (request)
                {
                    if (request.responseCode == 0)
                    {
                        done.SetException(new DenwaException("unreachable", request.error ?? "no answer"));
                        return;
                    }
                    int.TryParse(request.GetResponseHeader("Retry-After"), out var retryAfter);
                    done.SetResult(new Reply
                    {
                        Status = request.responseCode, Body = request.downloadHandler.text, RetryAfter = retryAfter,
                    });
                }
            };
            return done.Task;
        }

        /// <summary>The body of a success; refusals of OAuth are <c>{"error":"invalid_grant",…}</c>.</summary>
        private static string Answer(Reply reply)
        {
            if (reply.IsSuccess) return reply.Body;
            var refusal = Parse<OAuthRefusal>(reply.Body);
            throw Refused(reply, refusal.error, refusal.error_description);
        }

        /// <summary>The body of a success; refusals of the phone login are <c>{"error":{"code":"003-039",…}}</c>.</summary>
        private static string PhoneAnswer(Reply reply)
        {
            if (reply.IsSuccess) return reply.Body;
            var refusal = Parse<PhoneRefusal>(reply.Body).error;
            throw Refused(reply, refusal?.code, refusal?.description);
        }

        private static DenwaException Refused(Reply reply, string code, string description)
        {
            if (string.IsNullOrEmpty(code)) code = "http_" + reply.Status;
            return new DenwaException(code, string.IsNullOrEmpty(description) ? code : description, reply.RetryAfter);
        }

        /// <summary>What is no JSON counts as empty: a proxy may have answered.</summary>
        private static T Parse<T>(string json) where T : new()
        {
            try
            {
                var value = JsonUtility.FromJson<T>(json);
                return value == null ? new T() : value;
            }
            catch (ArgumentException)
            {
                return new T();
            }
        }

        private static string Form(Dictionary<string, string> parameters)
        {
            var pairs = new List<string>();
            foreach (var parameter in parameters)
                if (!string.IsNullOrEmpty(parameter.Value))
                    pairs.Add(Uri.EscapeDataString(parameter.Key) + "=" + Uri.EscapeDataString(parameter.Value));
            return string.Join("&", pairs);
        }

        /// <summary>A parameter of an address; null when it is not there.</summary>
        private static string Parameter(string url, string name)
        {
            if (url == null) return null;
            foreach (var pair in url.Substring(url.IndexOf('?') + 1).Split('#')[0].Split('&'))
            {
                var parts = pair.Split(new[] { '=' }, 2);
                if (parts[0] == name && parts.Length == 2) return Uri.UnescapeDataString(parts[1].Replace('+', ' '));
            }
            return null;
        }

        /// <summary>Without what people put between digits; full-width digits become ASCII.</summary>
        private static string Digits(string typed, string between)
        {
            var text = new StringBuilder();
            foreach (var character in typed)
            {
                if (char.IsWhiteSpace(character) || between.IndexOf(character) >= 0) continue;
                text.Append(char.IsDigit(character) ? (char)('0' + (int)char.GetNumericValue(character)) : character);
            }
            return text.ToString();
        }

        private static long Now => DateTimeOffset.UtcNow.ToUnixTimeSeconds();

        private static string RandomText()
        {
            var bytes = new byte[32];
            using (var source = RandomNumberGenerator.Create()) source.GetBytes(bytes);
            return Base64Url(bytes);
        }

        private static byte[] Sha256(string text)
        {
            using (var digest = SHA256.Create()) return digest.ComputeHash(Encoding.ASCII.GetBytes(text));
        }

        private static string Base64Url(byte[] bytes) =>
            Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');

        // JsonUtility goes by the names of fields.
#pragma warning disable 0649
        [Serializable] private class PhoneRequest { public string phone_number, device_id; }
        [Serializable] private class PhoneConfirm { public string operation_id, phone_number, code, device_id; }
        [Serializable] private class Confirmed { public string login_url, device_id; }
        [Serializable] private class Answered { public string authorization_code, device_id; }
        [Serializable] private class OAuthRefusal { public string error, error_description; }
        [Serializable] private class PhoneRefusal { public Envelope error; }
        [Serializable] private class Envelope { public string code, description; }

        [Serializable]
        private class Challenge
        {
            public string error, operation_id, auth_session;
            public int expires_in, resend_after, code_length;
        }

        [Serializable]
        private class Tokens
        {
            public string access_token, refresh_token, id_token;
            public int expires_in;
            public long expires_at; // ours, in seconds since 1970
        }
#pragma warning restore 0649
    }
}
