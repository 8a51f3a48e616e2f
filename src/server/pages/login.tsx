import type { FC } from "hono/jsx";
import { Layout } from "./layout.tsx";

/** Asks for an API token and keeps it in a cookie that scripts cannot read. */
export const LoginPage: FC<{ isWrong: boolean; next: string }> = ({ isWrong, next }) => (
  <Layout title="Sign in">
    <h1>Sign in</h1>
    <form method="post" action="/login" class="login">
      <input type="hidden" name="next" value={next} />
      <label for="token">API token</label>
      <input id="token" name="token" type="password" autocomplete="current-password" required autofocus />
      {isWrong ? <p role="alert" class="failure">The token is unknown, revoked or expired.</p> : null}
      <button type="submit">Sign in</button>
      <p class="muted">
        Make one on the server with <code>dagu token create</code>.
      </p>
    </form>
  </Layout>
);
