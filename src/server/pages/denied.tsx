import type { FC } from "hono/jsx";
import { Layout } from "./layout.tsx";

/** What a person sees whose request is not taken, or went wrong. */
export const DeniedPage: FC<{ title: string; message: string }> = ({ title, message }) => (
  <Layout title={title}>
    <h1>{title}</h1>
    <p class="said">{message}</p>
    <p>
      <a href="/runs">To the runs</a>
    </p>
  </Layout>
);
