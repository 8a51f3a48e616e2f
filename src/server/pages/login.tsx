import type { FC } from "hono/jsx";
import { Layout } from "./layout.tsx";

/** Asks for an API token and keeps it in a cookie that scripts cannot read. */
export const LoginPage: FC<{ isWrong: boolean; next: string }> = ({ isWrong, next }) => (
  <Layout title="Sign in" isBare>
    <h1>Sign in</h1>
    <form method="post" action="/login" class="login">
      <input type="hidden" name="next" value={next} />
      <label for="token">API token</label>
      <input
        id="token"
        name="token"
        type="password"
        autocomplete="current-password"
        aria-describedby="token-about"
        required
        autofocus
      />
      {isWrong ? <p role="alert" class="failure">The token is unknown, revoked or expired.</p> : null}
      <button type="submit" class="main">Sign in</button>
      <p class="muted" id="token-about">
        Make one on the server with <code>dagu token create</code>.
      </p>
    </form>
  </Layout>
);
