def test_w(world):
    print(world.house.rows("select state,count(*) from consent_form group by 1"))
    print(world.house.rows("select state,count(*) from patient group by 1"))
    import time
    for who in ("owner","guest","anonymous","locked","coordinator"):
        c=world.client(who)
        for p in ("/","/patients/","/consents/"):
            t=time.time(); r=c.get(p); print(who,p,r.status_code,round((time.time()-t)*1000))
