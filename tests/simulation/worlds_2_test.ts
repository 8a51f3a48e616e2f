import { testWorlds } from "./worlds.ts";

testWorlds(101, 200);
