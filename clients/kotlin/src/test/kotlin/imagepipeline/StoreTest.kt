package imagepipeline

import imagepipeline.model.ImageInput
import java.io.File
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNull
import org.junit.jupiter.api.io.TempDir

class StoreTest {
    @TempDir
    lateinit var folder: File

    private val input = ImageInput("photo.jpg", "image/jpeg", 5, tags = listOf("a"))
    private val entry = Entry("one", 1, input, hold = Hold(5, 6), error = Fault("quota_exceeded", "Later."))

    @Test
    fun `another process reads what was written`() {
        FileStore(folder).add(entry)
        FileStore(folder).save(entry.copy(state = State.UPLOADED, imageID = "img_1"))
        assertEquals(listOf(entry.copy(state = State.UPLOADED, imageID = "img_1")), FileStore(folder).entries())
    }

    @Test
    fun `a write that did not complete leaves the earlier entry`() {
        FileStore(folder).add(entry)
        File(folder, "one.part").writeText("{\"id\":")
        File(folder, "two.part").writeText("{\"id\":")
        assertEquals(listOf(entry), FileStore(folder).entries())
        FileStore(folder).save(entry.copy(attempts = 1))
        assertEquals(1, FileStore(folder).entry("one")?.attempts)
    }

    @Test
    fun `saving does not bring back an entry that was removed`() {
        val store = FileStore(folder)
        store.add(entry)
        store.remove("one")
        store.save(entry)
        assertNull(store.entry("one"))
    }
}
