/** The pages through which a person comes in: registering a passkey, signing in, confirming a command line. */
import type { Identity } from '../../model/identities.ts'
import { html, type Html } from './html.ts'
import { layout, progress } from './layout.ts'

/** `name` is known for whoever was invited; the first administrator chooses one. */
export function registrationPage({ link, name }: { readonly link: string; readonly name?: string }): Html {
  const isFirst = name === undefined
  return layout({
    title: 'Register a passkey',
    main: html`<section class="card narrow">
<h1>${isFirst ? 'Welcome. You are the first administrator.' : `Welcome, ${name}.`}</h1>
<p>${isFirst ? 'Choose the name by which policies and the ledger will know you: the one in remit.yaml, if it has one for you. Then register a passkey.' : 'Register a passkey: with it you sign in, and you sign every yes and no.'}</p>
<form data-remit="register" data-link="${link}">
${isFirst ? nameField : false}
<div class="buttons"><button type="submit" class="yes">Create the passkey</button></div>
${progress}
</form>
${isFirst ? html`<p class="muted">Your right to administer is an exception with an end date. It is meant to last until roles and a second person are in place.</p>` : false}
<p class="muted">This link works once.</p>
</section>`,
  })
}

const nameField: Html = html`<label class="field"><span>Name</span><input name="name" required autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="64" pattern="[a-z0-9](?:[a-z0-9._\\-]{0,62}[a-z0-9])?" title="lowercase letters, digits and . _ -"></label>`

export function signInPage(next: string): Html {
  return layout({
    title: 'Sign in',
    main: html`<section class="card narrow">
<h1>Sign in</h1>
<p>Use the passkey that you registered here.</p>
<form data-remit="sign-in" data-next="${next}">
<div class="buttons"><button type="submit" class="yes">Sign in with a passkey</button></div>
${progress}
</form>
<p class="muted">No passkey yet? An administrator can send you a link.</p>
</section>`,
  })
}

export function devicePage(person: Identity, code: string): Html {
  return layout({
    title: 'Confirm a command line',
    person: person.name,
    main: html`<section class="card narrow">
<h1>Confirm a command line</h1>
<p>A command line somewhere wants to act as <b>${person.name}</b>. ${code === '' ? 'Type the code that it shows.' : 'Is this the code that it shows?'}</p>
<form data-remit="device">
<label class="field"><span>Code</span><input name="code" required value="${code}" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="9" placeholder="BCDF-GHJK"></label>
<div class="buttons"><button type="submit" class="yes">Look it up</button></div>
<div class="confirm" data-confirm="here" hidden>
<p>It was started at the address <b data-address="here"></b>.</p>
<p class="problem">If that is not you, in front of that very terminal, do not confirm: whoever holds it could then act as you.</p>
<div class="buttons"><button type="button" class="no" data-sign="here">It is mine: confirm and sign</button></div>
</div>
${progress}
</form>
</section>`,
  })
}
