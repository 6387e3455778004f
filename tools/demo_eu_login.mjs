// An EU Login of invented people: a real OpenID Connect provider (npm oidc-provider) on this machine alone. Anybody may be
// whom they like in it, so it is for the demo (`make run EU_LOGIN=demo`) and for the tests, which start this same file.
//
//   node tools/demo_eu_login.mjs       settings from the environment:
//     EU_LOGIN_ISSUER          where it listens and who it says it is: http://127.0.0.1:8055
//     EU_LOGIN_CLIENT_ID, EU_LOGIN_CLIENT_SECRET     of the one platform it knows
//     EU_LOGIN_BACK            where that platform takes people back
//     EU_LOGIN_PEOPLE          a JSON file of people; without: demo_eu_login.json beside this file
import { createServer } from 'node:http';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

const given = process.env;
const issuer = given.EU_LOGIN_ISSUER;
const { hostname, port } = new URL(issuer);
if (!['127.0.0.1', '[::1]', 'localhost'].includes(hostname)) throw new Error('only for addresses of this machine');
const people = JSON.parse(readFileSync(given.EU_LOGIN_PEOPLE || new URL('demo_eu_login.json', import.meta.url)));
const ONE = 'urn:demo:one-factor', TWO = 'urn:demo:two-factors';

const escaped = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const button = (index, factors, words) =>
  `<button name="who" value="${index}:${factors}">${escaped(words)}</button>`;

const framed = (content) => `<!doctype html><html lang="en"><meta charset="utf-8">
  <meta name="viewport" content="width=device-width"><title>EU Login (demo)</title>
  <style>body{font:16px/1.5 system-ui;max-width:44rem;margin:3rem auto;padding:0 1rem}
  ul{padding:0;list-style:none}li{padding:.75rem 0;border-top:1px solid #ccc}small{display:block}
  button{font:inherit;padding:.25rem .75rem;margin-top:.25rem}</style>
  <main><h1>EU Login (demo)</h1>${content}</main></html>`;

function choices(uid, asked) {
  const rows = people.map((person, index) => `<li><b>${escaped(`${person.claims.given_name} ${person.claims.family_name}`)}</b>
    <small>${escaped(person.claims.email)} · ${escaped(person.note)}</small>
    <span>${button(index, 2, 'Two factors')} ${button(index, 1, 'Password alone')}</span></li>`);
  return framed(`<p>Invented people. Nobody here is checked: choose who you are, and how you prove it.</p>
  ${asked.includes(TWO) ? '<p>CPMS asks for two factors.</p>' : ''}
  <form method="post" action="/interaction/${uid}"><ul>${rows.join('')}</ul></form>`);
}

const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
const here = new Map(); // subject -> what was last chosen: the same person may come back with another address

async function findAccount(_ctx, subject) {
  const person = here.get(subject);
  return person && { accountId: subject, claims: () => ({ sub: subject, ...person.claims }) };
}

async function loadExistingGrant(ctx) { // nobody is asked what EU Login may tell us: it is agreed between the two
  const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
  grant.addOIDCScope('openid email profile');
  await grant.save();
  return grant;
}

console.info = console.warn = () => {}; // it warns that all is kept in memory and lost at the end: that is meant
const { default: Provider } = await import('oidc-provider');
const provider = new Provider(issuer, {
  clients: [{
    client_id: given.EU_LOGIN_CLIENT_ID,
    client_secret: given.EU_LOGIN_CLIENT_SECRET,
    client_name: 'CPMS',
    redirect_uris: [given.EU_LOGIN_BACK],
    grant_types: ['authorization_code'],
    response_types: ['code'],
  }],
  acrValues: [ONE, TWO],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['given_name', 'family_name'] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  features: {
    devInteractions: { enabled: false },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, form) => {
        const yes = '<button name="logout" value="yes" form="op.logoutForm">Yes, sign me out</button>';
        ctx.body = framed(`<p>Do you want to sign out of EU Login?</p>${form}${yes}`);
      },
      postLogoutSuccessSource: (ctx) => { ctx.body = framed('<p>You are signed out of EU Login.</p>'); },
    },
  },
  renderError: (ctx, out) => { ctx.body = framed(`<p>This did not work: ${escaped(out.error_description || out.error)}</p>`); },
  findAccount,
  jwks: { keys: [{ ...key, use: 'sig', alg: 'RS256' }] },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  loadExistingGrant,
  pkce: { required: () => true },
  ttl: { AccessToken: 300, AuthorizationCode: 60, IdToken: 300, Interaction: 900, Session: 3600, Grant: 3600 },
});

async function body(request) {
  let text = '';
  for await (const part of request) {
    text += part;
    if (text.length > 1000) throw new Error('too long');
  }
  return new URLSearchParams(text);
}

async function choose(request, response) {
  const { uid, params } = await provider.interactionDetails(request, response);
  if (request.method !== 'POST') {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
    return response.end(choices(uid, params.acr_values || ''));
  }
  const [index, factors] = ((await body(request)).get('who') || '').split(':');
  const person = people[index];
  here.set(person.subject, person);
  return provider.interactionFinished(request, response, {
    login: {
      accountId: person.subject,
      acr: factors === '2' ? TWO : ONE,
      amr: factors === '2' ? ['pwd', 'otp'] : ['pwd'],
    },
  }, { mergeWithLastSubmission: false });
}

const others = provider.callback();
const server = createServer((request, response) => {
  if (!request.url.startsWith('/interaction/')) return others(request, response);
  return choose(request, response).catch(() => {
    response.writeHead(400, { 'content-type': 'text/plain' });
    response.end('This was begun too long ago. Go back to CPMS and sign in again.\n');
  });
});
server.listen(Number(port), hostname.replace(/[[\]]/g, ''), () => console.log(`EU Login (demo) is open at ${issuer}`));
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
