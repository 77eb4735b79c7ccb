-- CreateEnum
CREATE TYPE "ToolCallStatus" AS ENUM ('REQUESTED', 'AWAITING_APPROVAL', 'AWAITING_RESULT', 'RUNNING', 'SUCCEEDED', 'FAILED', 'DENIED', 'CANCELLED', 'UNKNOWN');

-- CreateTable
CREATE TABLE "ToolCall" (
    "id" TEXT COLLATE "C" NOT NULL,
    "ownerId" TEXT COLLATE "C" NOT NULL,
    "threadId" TEXT COLLATE "C" NOT NULL,
    "messageId" TEXT COLLATE "C" NOT NULL,
    "step" INTEGER NOT NULL,
    "index" INTEGER NOT NULL,
    "callId" TEXT COLLATE "C" NOT NULL,
    "name" TEXT NOT NULL,
    "arguments" TEXT NOT NULL,
    "textOffset" INTEGER NOT NULL,
    "reasoningOffset" INTEGER NOT NULL,
    "status" "ToolCallStatus" NOT NULL,
    "output" TEXT,
    "isError" BOOLEAN NOT NULL DEFAULT false,
    "providerData" JSONB,
    "startedAt" TIMESTAMPTZ(3),
    "finishedAt" TIMESTAMPTZ(3),

    CONSTRAINT "ToolCall_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ProviderThread" (
    "threadId" TEXT COLLATE "C" NOT NULL,
    "providerId" TEXT COLLATE "C" NOT NULL,
    "ownerId" TEXT COLLATE "C" NOT NULL,
    "state" JSONB NOT NULL,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ProviderThread_pkey" PRIMARY KEY ("threadId","providerId")
);

-- CreateIndex
CREATE INDEX "ToolCall_threadId_idx" ON "ToolCall"("threadId");

-- CreateIndex
CREATE INDEX "ToolCall_ownerId_idx" ON "ToolCall"("ownerId");

-- CreateIndex
CREATE UNIQUE INDEX "ToolCall_messageId_step_index_key" ON "ToolCall"("messageId", "step", "index");

-- CreateIndex
CREATE INDEX "ProviderThread_ownerId_idx" ON "ProviderThread"("ownerId");

-- AddForeignKey
ALTER TABLE "ToolCall" ADD CONSTRAINT "ToolCall_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ToolCall" ADD CONSTRAINT "ToolCall_threadId_fkey" FOREIGN KEY ("threadId") REFERENCES "Thread"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ToolCall" ADD CONSTRAINT "ToolCall_messageId_fkey" FOREIGN KEY ("messageId") REFERENCES "Message"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ProviderThread" ADD CONSTRAINT "ProviderThread_threadId_fkey" FOREIGN KEY ("threadId") REFERENCES "Thread"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ProviderThread" ADD CONSTRAINT "ProviderThread_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;
